import { createHash } from 'node:crypto';
import { compare, type PeerId } from '../../src/core/address.ts';
import { slotOf } from '../../src/core/replica/fact.ts';
import {
  type Change,
  type CryptoFunctions,
  createReplica,
  type Delta,
  type Limits,
  type Replica,
} from '../../src/core/replica.ts';
import { decodeMessage, encodeMessage } from '../../src/core/wire.ts';

export const peerId = (text: string): PeerId => text as PeerId;

const sha256 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** Signatures that only code under test with the right `self` makes; fast, and the same in every run. */
export function fakeCrypto(self: PeerId): CryptoFunctions {
  const signature = (owner: PeerId, bytes: Uint8Array): Uint8Array => sha256('key of ', owner, bytes);
  return {
    hash: bytes => sha256(bytes),
    sign: bytes => signature(self, bytes),
    verify: (owner, bytes, given) => Buffer.compare(signature(owner, bytes), given) === 0,
  };
}

export const createPeer = (id: string, limits: Partial<Limits> = {}): Replica =>
  createReplica({ self: peerId(id), crypto: fakeCrypto(peerId(id)), limits });

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const put = (key: string, text: string) => ({ domain: 'test', key, value: bytesOf(text) });
export const drop = (key: string) => ({ domain: 'test', key, value: undefined });

/** All that a replica shows, in an order of its own: one line a fact. */
export function shown(replica: Replica): readonly string[] {
  return [...replica.entries()]
    .map(
      ({ owner, domain, key, value, stamp }) =>
        `${owner} ${domain}/${key} ${Buffer.from(value!).toString()} @${stamp}`,
    )
    .sort(compare);
}

/** As `shown`, for one owner. */
export const shownOf = (replica: Replica, owner: string): readonly string[] =>
  shown(replica).filter(line => line.startsWith(`${owner} `));

/** What someone knows who has heard nothing but changes. */
export function createFold(): { learn(changes: readonly Change[]): void; shown(): readonly string[] } {
  const known = new Map<string, string>();
  return {
    learn(changes) {
      for (const { owner, domain, key, now } of changes) {
        const slot = `${owner} ${slotOf(domain, key)}`;
        if (now === undefined) known.delete(slot);
        else known.set(slot, `${owner} ${domain}/${key} ${Buffer.from(now.value!).toString()} @${now.stamp}`);
      }
    },
    shown: () => [...known.values()].sort(compare),
  };
}

/** The deltas as the other end reads them. */
export function overTheWire(deltas: readonly Delta[]): readonly Delta[] {
  const message = decodeMessage(encodeMessage({ kind: 'deltas', deltas, reply: true }));
  if (message?.kind !== 'deltas') throw new Error('deltas did not come through');
  return message.deltas;
}

/**
 * `to` asks `from` until it is told nothing more, as a router does: gives what changed. Bounded: asking for ever
 * would be a fault.
 */
export function pull(to: Replica, from: Replica, limit = 2_000): readonly Change[] {
  const changes: Change[] = [];
  for (let asked = 0; asked < 200; asked++) {
    let gap = false;
    for (const delta of overTheWire(from.missing(to.digest(), limit))) {
      const merged = to.merge(delta);
      if (merged.refused !== undefined) throw new Error(`an honest delta was refused: ${merged.refused}`);
      changes.push(...merged.changed);
      gap ||= merged.gap;
    }
    if (!gap) return changes;
  }
  throw new Error('asking never ends');
}
