import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PeerId } from '../../../src/core/address.ts';
import type { Change, Delta, Limits, Replica } from '../../../src/core/replica.ts';
import { campaign } from '../../support/campaign.ts';
import {
  createFold,
  createPeer,
  drop,
  overTheWire,
  peerId,
  put,
  shown,
  shownOf,
} from '../../support/replicas.ts';

/** Small, so that floors, full waiting rooms and cut deltas are met all the time. */
const LIMITS: Partial<Limits> = { deletions: 3, early: 4 };
const PIECE_BYTES = 700;
const IDS = ['A', 'B', 'C', 'D'];

interface Peer {
  readonly id: PeerId;
  replica: Replica;
  fold: ReturnType<typeof createFold>;
  /** What its store has, and had before. */
  stores: ReadonlyMap<PeerId, Uint8Array>[];
}

/** Some routers, and all that was ever broadcast among them. */
class Mesh {
  readonly peers: readonly Peer[] = IDS.map(id => ({
    id: peerId(id),
    replica: createPeer(id, LIMITS),
    fold: createFold(),
    stores: [new Map()],
  }));
  readonly #said: Delta[] = [];

  peer(index: number): Peer {
    return this.peers[index % this.peers.length]!;
  }

  write(peer: Peer, key: number, value: number): void {
    const written = peer.replica.write([value === 0 ? drop(`${key}`) : put(`${key}`, `${value}`)]);
    if (written === undefined) return;
    peer.fold.learn(written.changes);
    this.#said.push(written.delta);
    this.#persist(peer, [peer.id]);
  }

  /** One broadcast, old or new, reaches one router: so any order, loss and repetition. */
  hear(peer: Peer, index: number): void {
    const delta = this.#said[index % Math.max(1, this.#said.length)];
    if (delta !== undefined) this.#take(peer, [delta]);
  }

  /** As two routers do it: a digest, what is missing, and again while there is a gap. */
  pull(to: Peer, from: Peer, rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      this.#meetOwn(from, to.replica);
      if (!this.#take(to, overTheWire(from.replica.missing(to.replica.digest(), PIECE_BYTES)))) return;
    }
  }

  save(peer: Peer): void {
    this.#persist(peer, peer.replica.owners());
  }

  /** Starts again from its store, or from what its store was `back` saves ago. */
  restart(peer: Peer, back: number): void {
    const store = peer.stores.at(-1 - (back % peer.stores.length))!;
    peer.replica = createPeer(peer.id, LIMITS);
    peer.fold = createFold();
    for (const bytes of store.values())
      peer.fold.learn(peer.replica.restore(bytes) ?? expect.fail('bad store'));
    if (back > 0) peer.stores = [store];
  }

  /** No more faults: everybody syncs with everybody until nobody learns anything. */
  heal(): void {
    for (let round = 0; round < 12; round++) {
      for (const to of this.peers) for (const from of this.peers) if (to !== from) this.pull(to, from, 100);
      if (new Set(this.peers.map(peer => peer.replica.fingerprint())).size === 1) return;
    }
    throw new Error('not the same after 12 rounds of everybody with everybody');
  }

  #persist(peer: Peer, owners: readonly PeerId[]): void {
    const store = new Map(peer.stores.at(-1));
    for (const owner of owners) {
      const bytes = peer.replica.export(owner);
      if (bytes !== undefined) store.set(owner, bytes);
    }
    peer.stores.push(store);
  }

  /** A router whose own facts are known further than it knows them itself issues them anew. */
  #meetOwn(peer: Peer, other: Replica): void {
    const head = other.digest().find(standing => standing.owner === peer.id);
    if (head === undefined || peer.replica.originOfOwn(head) !== 'lost') return;
    const written = peer.replica.rebase(head.upto);
    peer.fold.learn(written.changes);
    this.#said.push(written.delta);
    this.#persist(peer, [peer.id]);
  }

  #take(peer: Peer, deltas: readonly Delta[]): boolean {
    let gap = false;
    for (const delta of deltas) {
      if (delta.head.owner === peer.id && peer.replica.originOfOwn(delta.head) === 'lost') {
        const written = peer.replica.rebase(delta.head.upto);
        peer.fold.learn(written.changes);
        this.#said.push(written.delta);
      }
      const { changed, refused, gap: isGap } = peer.replica.merge(delta);
      expect(refused).toBeUndefined();
      peer.fold.learn(changed satisfies readonly Change[]);
      gap ||= isGap;
    }
    return gap;
  }
}

const who = fc.nat(IDS.length - 1);
const operation = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('write' as const), who, key: fc.nat(9), value: fc.nat(3) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('hear' as const), who, index: fc.nat(80) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pull' as const),
      who,
      from: who,
      rounds: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('save' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), who, back: fc.nat(3) }) },
);

type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

function run(mesh: Mesh, operations: readonly Operation[]): void {
  for (const one of operations) {
    const peer = mesh.peer(one.who);
    if (one.kind === 'write') mesh.write(peer, one.key, one.value);
    else if (one.kind === 'hear') mesh.hear(peer, one.index);
    else if (one.kind === 'save') mesh.save(peer);
    else if (one.kind === 'restart') mesh.restart(peer, one.back);
    else if (one.from !== one.who) mesh.pull(peer, mesh.peer(one.from), one.rounds);
    // Whoever listens to changes only knows what the replica shows.
    expect(peer.fold.shown()).toEqual(shown(peer.replica));
  }
}

const operations = fc.array(operation, { maxLength: 120, size: 'max' });

it('ends in one view on all replicas, which is what each owner holds, whatever was lost, repeated, reordered or rolled back', () => {
  fc.assert(
    fc.property(operations, list => {
      const mesh = new Mesh();
      run(mesh, list);
      mesh.heal();
      const [first, ...others] = mesh.peers;
      for (const other of others) expect(shown(other.replica)).toEqual(shown(first!.replica));
      for (const { id, replica, fold } of mesh.peers) {
        expect(shownOf(first!.replica, id)).toEqual(shownOf(replica, id));
        expect(fold.shown()).toEqual(shown(replica));
      }
    }),
    campaign(48_11, 150),
  );
});

it('never shows again what it has known to be deleted', () => {
  fc.assert(
    fc.property(operations, list => {
      const mesh = new Mesh();
      const gone = new Map<PeerId, Set<string>>(mesh.peers.map(peer => [peer.id, new Set()]));
      // A store that goes back may well forget a deletion: not here.
      for (const one of list.filter(({ kind }) => kind !== 'restart')) {
        run(mesh, [one]);
        const peer = mesh.peer(one.who);
        for (const other of mesh.peers) {
          const head = peer.replica.head(other.id);
          for (const entry of peer.replica.ofOwner(other.id)) {
            expect(gone.get(peer.id)).not.toContain(`${other.id} ${entry.seq}`);
          }
          const live = new Set(peer.replica.ofOwner(other.id).map(entry => entry.seq));
          for (let seq = 1; seq <= (head?.upto ?? 0); seq++)
            if (!live.has(seq)) gone.get(peer.id)!.add(`${other.id} ${seq}`);
        }
      }
    }),
    campaign(48_12, 60),
  );
});

it('makes no difference in which order, or how often, deltas are merged', () => {
  const key = fc.nat(4);
  const writes = fc.array(fc.tuple(key, fc.nat(2)), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      writes,
      fc.array(fc.nat(), { maxLength: 40 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      (list, one, two) => {
        const owner = createPeer('A');
        const deltas = list
          .map(
            ([name, value]) =>
              owner.write([value === 0 ? drop(`${name}`) : put(`${name}`, `${value}`)])?.delta,
          )
          .filter(delta => delta !== undefined);
        const merge = (order: readonly number[]): Replica => {
          const replica = createPeer('B');
          const all = deltas.map((_, index) => index);
          for (const index of [...order, ...all])
            if (deltas.length > 0) replica.merge(deltas[index % deltas.length]!);
          return replica;
        };
        expect(shown(merge(one))).toEqual(shown(merge(two)));
        expect(merge(one).fingerprint()).toBe(owner.fingerprint());
      },
    ),
    campaign(48_13, 300),
  );
});
