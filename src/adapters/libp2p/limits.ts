import type { Rate } from '../../core/allowance.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes of one message to a neighbour and of one broadcast (ports/transport.ts). */
export const MAX_MESSAGE = 4 * MIB;
export const MAX_BROADCAST = 64 * KIB;

/** Bytes of what gossipsub sends at once (an RPC): several broadcasts, and what it has to say itself. */
export const MAX_RPC = 256 * KIB;

/** What one neighbour may send by gossip, whatever becomes of it; the core has its own limits on what it reads. */
export const GOSSIP_RATES = {
  // A hub hands on what a thousand hosts say when they come up at once.
  rpcs: { burst: 20_000, perSecond: 2_000 },
  // No more than 240 KiB of what was learned by sync is handed on at a time; the rest are short messages.
  bytes: { burst: 16 * MIB, perSecond: 2 * MIB },
} as const satisfies Readonly<Record<string, Rate>>;

/** Who broke a rule of the transport is refused for so long. */
export const REFUSE_MS = 60_000;
/** So many are remembered as refused: new identities cost nothing. */
export const MAX_REFUSED = 4_096;
