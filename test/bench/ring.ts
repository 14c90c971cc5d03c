import type { Cidr, Mac, PeerId } from '../../src/core/address.ts';
import { fromNumber, parseCidr } from '../../src/core/address.ts';
import { Host } from '../../src/core/host.ts';
import {
  CUSTODY_KEY,
  type Custody,
  decodeCustody,
  encodeCustody,
  IPAM,
} from '../../src/core/ipam/custody.ts';
import { rangeOf } from '../../src/core/range.ts';
import { createReplica, type Replica } from '../../src/core/replica.ts';
import { encodeMessage } from '../../src/core/wire.ts';
import { fakeCrypto } from '../sim/fake-crypto.ts';
import type { Figure } from './measure.ts';

const PEERS = 1_000;
const RANGES_EACH = 4;
const CHANGES = 500;
const UNIVERSE = parseCidr('10.32.0.0/12') as Cidr;
const SEEDS = Array.from({ length: 3 }, (_, index) => `02:00:00:00:00:0${index}` as Mac);
const SPAN = Math.floor(2 ** 20 / (PEERS * RANGES_EACH));

/** As long as those of libp2p. */
const idOf = (index: number): PeerId => `12D3KooW${String(index).padStart(44, 'x')}` as PeerId;

interface Peer {
  readonly replica: Replica;
  custody: Custody;
}

/** A ring that has come about by much giving and taking: each peer's ranges lie far from one another. */
function custodyOf(index: number): Custody {
  const { start: base } = rangeOf(UNIVERSE);
  const ranges = Array.from({ length: RANGES_EACH }, (_, part) => {
    const start = base + (part * PEERS + index) * SPAN;
    return { start, end: start + SPAN, version: part + 1 };
  });
  const heirs = [1, 2, 3, 4].map(step => idOf((index + step) % PEERS));
  const received = new Map([[idOf((index + 1) % PEERS), RANGES_EACH]]);
  const division = { universe: UNIVERSE, seeds: SEEDS };
  return { division, ranges, grants: [], granted: RANGES_EACH, received, inherited: new Map(), heirs };
}

/** Says what the peer holds now; gives the message that tells it, and the bytes of the fact. */
function tell({ replica, custody }: Peer): { readonly message: Uint8Array; readonly value: Uint8Array } {
  const value = encodeCustody(custody);
  const written = replica.write([{ domain: IPAM, key: CUSTODY_KEY, value }]);
  return { message: encodeMessage({ kind: 'deltas', deltas: [written!.delta], reply: false }), value };
}

function createHost(): Host {
  const self = idOf(PEERS);
  const host = new Host({
    ...{ self, crypto: fakeCrypto(self), version: 'bench', name: undefined, nickname: 'bench' },
    ...{ advertise: ['192.168.0.1:6783'], listen: '192.168.0.1:6783', underlayMtu: 1500, mtu: undefined },
    ...{ relays: false },
    vtep: { address: fromNumber(0xc0a80001), port: 6784 },
    ...{
      password: false,
      discovery: false,
      zone: 'mesh.internal',
      legDevice: 'mesh',
      device: 'ethmesh',
      targets: [],
      launchId: '',
      boot: '1',
      seed: 1,
    },
    ipam: {
      ...{ universe: UNIVERSE, defaultSubnet: UNIVERSE, timeoutMs: 10_000, quarantineMs: 600_000 },
      init: { kind: 'observer' },
    },
    records: new Map(),
  });
  host.step({ kind: 'adopted', attachments: [], forwarding: { peers: [], networks: [] } }, 0);
  return host;
}

/** What a ring of many peers takes: as bytes in all the facts that make it up, and to take in one that changed. */
export async function run(): Promise<readonly Figure[]> {
  const host = createHost();
  const peers = Array.from({ length: PEERS }, (_, index): Peer => {
    const self = idOf(index);
    return {
      replica: createReplica({ self, crypto: fakeCrypto(self), limits: {} }),
      custody: custodyOf(index),
    };
  });
  const from = idOf(0);
  host.step({ kind: 'peer-up', peer: from, address: '192.168.0.2:6783', outbound: false }, 0);
  let bytes = 0;
  let values = 0;
  let now = 0;
  for (const peer of peers) {
    const { message, value } = tell(peer);
    // A second for each, since what one neighbour may send in a second is limited.
    now += 1_000;
    host.step({ kind: 'message', from, bytes: message }, now);
    bytes += message.length;
    values += value.length;
  }
  const fold: number[] = [];
  const reading: number[] = [];
  for (let index = 0; index < CHANGES; index += 1) {
    const peer = peers[(index * 7) % PEERS]!;
    // Its first range is handed on, address by address.
    const [first, ...rest] = peer.custody.ranges;
    const shorter = { ...first!, end: first!.end - 1 };
    peer.custody = { ...peer.custody, ranges: [shorter, ...rest], granted: peer.custody.granted + 1 };
    const { message, value } = tell(peer);
    now += 1_000;
    const before = performance.now();
    host.step({ kind: 'message', from, bytes: message }, now);
    const taken = performance.now();
    decodeCustody(value);
    fold.push(taken - before);
    reading.push(performance.now() - taken);
  }
  const shares = host.report(now).ipam?.shares.length ?? 0;
  if (shares !== PEERS + 1) throw new Error(`${shares} peers share the universe, not ${PEERS} and this host`);
  return [
    {
      ...{ bench: 'ring-state', unit: 'bytes', ours: [bytes], theirs: [values] },
      against: 'the values of its facts, without what signs and carries them',
      ...{ limited: 'value', limit: 1_000_000, must: 'at-most' },
    },
    {
      ...{
        bench: 'ring-fold',
        unit: 'ms',
        ours: fold,
        theirs: reading,
        against: 'reading the fact that changed',
      },
      ...{ limited: 'value', limit: 1, must: 'at-most' },
    },
  ];
}
