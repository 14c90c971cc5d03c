import { IPAM } from '../ipam/custody.ts';
import type { Entry, Rebase } from '../replica.ts';
import type { Context } from './context.ts';
import type { Presence } from './presence.ts';

/** Own facts that others hold and this host does not know of. */
export interface Lost {
  /** Others hold such up to this number. */
  readonly seq: number;
  readonly lost: readonly Entry[];
  /** The start of the router that wrote them, if known. */
  readonly boot: string | undefined;
}

/**
 * Others hold facts of ours that we never wrote: our disk was rolled back, or somebody has our key. What this host is
 * like, it knows best; what it has given away, they do.
 */
export function takeBack(
  { config, emit }: Context,
  presence: Presence,
  { seq, lost, boot }: Lost,
  issueAnew: (how: Rebase) => void,
): void {
  if (presence.impersonated(boot)) {
    return emit({ kind: 'halt', problem: { code: 'identity-cloned', id: config.self } });
  }
  const restored = lost.filter(({ domain, value }) => domain === IPAM && value !== undefined);
  issueAnew({ restored });
  const message = 'own facts issued anew above what others hold';
  emit({ kind: 'log', level: 'warn', message, data: { seq } });
}
