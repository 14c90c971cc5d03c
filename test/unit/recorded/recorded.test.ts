import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createFileStore } from '../../../src/adapters/file/store.ts';
import { createVerifier } from '../../../src/adapters/libp2p/identity.ts';
import { decodeEndpoint, ENDPOINTS } from '../../../src/core/endpoints/endpoint.ts';
import { decodeRecord } from '../../../src/core/host/held.ts';
import { decodeNetwork, NETWORKS } from '../../../src/core/networks/fact.ts';
import { signedEntry, signedHead } from '../../../src/core/replica/encoding.ts';
import type { Entry } from '../../../src/core/replica/fact.ts';
import { joinRecords } from '../../../src/core/replica/records.ts';
import { createReplica } from '../../../src/core/replica.ts';
import {
  connectionPeer,
  decodeConnection,
  decodeHost,
  HOST_KEY,
  TOPOLOGY,
} from '../../../src/core/topology/facts.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../src/core/wire.ts';
import { record } from '../../fixtures/record.ts';
import { createFakeLog } from '../../support/fake-log.ts';
import { fixedKey, identityOf, realCrypto } from '../../support/fixed-identity.ts';
import { plain, RECORDED, recordedBytes, recordedJson } from '../../support/recorded.ts';

/** What version 1 said and stored: this version must understand all of it, for ever. */

const host1 = identityOf(recordedBytes('state/identity.key'));
const host2 = identityOf(fixedKey('host2'));
const bystander = identityOf(fixedKey('bystander'));

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'mdo-'));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

function recordedMessage(name: string): Message {
  const message = decodeMessage(recordedBytes(`${name}.bin`));
  if (message === undefined) throw new Error(`${name} can't be decoded`);
  return message;
}

const deltasOf = (name: string) => {
  const message = recordedMessage(name);
  return message.kind === 'deltas' ? message.deltas : [];
};

/** Every fact is one that this version knows how to read. */
function expectReadable({ domain, key, value = new Uint8Array() }: Entry): void {
  if (domain === ENDPOINTS) expect(decodeEndpoint(key, value)).toMatchObject({ prefix: 24, network: 'mesh' });
  else if (domain === NETWORKS)
    expect(decodeNetwork(key, value)).toMatchObject({ network: { name: 'blue', vni: 4711 } });
  else if (key === HOST_KEY)
    expect(decodeHost(value)).toMatchObject({ version: '0.1.0', vtep: { port: 6784 } });
  else {
    expect([domain, connectionPeer(key)]).toEqual([TOPOLOGY, expect.stringMatching(/^12D3KooW/)]);
    expect(decodeConnection(value)).toMatchObject({ established: true });
  }
}

describe('recorded messages', () => {
  const names = ['digest', 'deltas', 'news', 'snapshot', 'heartbeat', 'goodbye'];

  it.each(names)('%s is understood, and said again in the same bytes', name => {
    const message = recordedMessage(name);
    expect(plain(message)).toEqual(recordedJson(`${name}.json`));
    expect(Buffer.from(encodeMessage(message))).toEqual(Buffer.from(recordedBytes(`${name}.bin`)));
  });

  it('hold a deletion, and a snapshot', () => {
    const deleted = deltasOf('news')
      .flatMap(({ entries }) => entries)
      .filter(({ value }) => value === undefined);
    expect(deleted.map(({ key }) => key)).toEqual(['mesh/10.0.0.99']);
    expect(deltasOf('snapshot').map(({ snapshot }) => snapshot)).toEqual([true]);
  });

  it('are one of each kind', () => {
    const kinds = new Set(names.map(name => recordedMessage(name).kind));
    expect(kinds).toEqual(new Set(['digest', 'deltas', 'heartbeat', 'goodbye']));
  });

  it.each([['deltas', 'news'], ['snapshot']])(
    '%s: signed by their owner, taken in, and readable',
    (...parts) => {
      const verify = createVerifier();
      const replica = createReplica({ self: host1.id, crypto: realCrypto(host1) });
      for (const delta of parts.flatMap(deltasOf)) {
        expect(verify(delta.head.owner, signedHead(delta.head), delta.head.signature)).toBe(true);
        for (const entry of delta.entries) {
          expect(verify(entry.owner, signedEntry(entry), entry.signature)).toBe(true);
        }
        expect(replica.merge(delta)).toMatchObject({ refused: undefined, gap: false });
      }
      const facts = replica.ofOwner(host2.id);
      expect(facts).toHaveLength(4);
      facts.forEach(expectReadable);
    },
  );

  it('are those that this version would say: what changes them needs a new folder', async () => {
    const fresh = folder();
    await record(fresh);
    const files = readdirSync(RECORDED, { recursive: true, encoding: 'utf8' }).filter(name =>
      name.includes('.'),
    );
    expect(files.length).toBeGreaterThanOrEqual(15);
    for (const name of files)
      expect(readFileSync(join(fresh, name)), name).toEqual(readFileSync(join(RECORDED, name)));
  });
});

describe('a recorded state directory', () => {
  it('is loaded: snapshot, journal, own facts, others, attachments, targets', async () => {
    const directory = folder();
    cpSync(join(RECORDED, 'state'), directory, { recursive: true });
    const store = createFileStore({ directory, log: createFakeLog() });
    const loaded = await store.load();
    await store.close();
    if (!loaded.ok) throw new Error(loaded.problem.code);
    const { records, repaired } = loaded.value;
    expect(repaired).toBeUndefined();
    expect(records.has('launch')).toBe(false);
    expect(JSON.parse(Buffer.from(records.get('targets')!).toString())).toEqual({
      targets: ['192.168.48.12:6783', '192.168.48.13:6783'],
    });
    const held = [...records].flatMap(([key, bytes]) => decodeRecord(key, bytes) ?? []);
    expect(held).toMatchObject([
      { network: 'mesh', containerName: 'b\u00f6x1', addresses: [{ address: '10.0.0.11' }] },
    ]);

    const replica = createReplica({ self: host1.id, crypto: realCrypto(host1) });
    const own = [...records].filter(([key]) => key.startsWith('own/')).map(([, bytes]) => bytes);
    const joined = joinRecords(host1.id, records.get('head')!, own);
    expect(replica.restore(joined!)).toHaveLength(5);
    const other = records.get(`replica/${host2.id}`)!;
    expect(replica.restore(other)).toHaveLength(4);
    for (const entry of replica.entries()) expectReadable(entry);
    expect(Buffer.from(replica.export(host2.id)!)).toEqual(Buffer.from(other));
  });
});

describe('what a later version says', () => {
  const latin = (text: string): Uint8Array => new TextEncoder().encode(text);
  /** Version 2 of a message of ours, with more behind the fields that we know. */
  const fromLater = (name: string): Uint8Array =>
    Uint8Array.from([2, ...recordedBytes(`${name}.bin`).subarray(1), ...latin('more')]);

  it.each(['digest', 'deltas', 'heartbeat', 'goodbye'])('%s with more fields is understood', name => {
    expect(plain(decodeMessage(fromLater(name)))).toEqual(recordedJson(`${name}.json`));
  });

  it('of a kind that is not known is kept as it came', () => {
    const bytes = Uint8Array.from([2, 9, ...latin('a vote')]);
    const message = decodeMessage(bytes);
    expect(message).toMatchObject({ kind: 'unknown', version: 2, code: 9 });
    expect(Buffer.from(encodeMessage(message!))).toEqual(Buffer.from(bytes));
  });

  it('in a domain that is not known, with fields that are not, is checked, kept and passed on', () => {
    const { bytes, entry } = entryOfLater();
    const middle = createReplica({ self: host1.id, crypto: realCrypto(host1) });
    const message = decodeMessage(bytes);
    if (message?.kind !== 'deltas') throw new Error('no deltas');
    for (const delta of message.deltas) expect(middle.merge(delta).refused).toBeUndefined();
    const last = createReplica({ self: bystander.id, crypto: realCrypto(bystander) });
    for (const delta of middle.missing(last.digest(), 65_536))
      expect(last.merge(delta).refused).toBeUndefined();
    expect(plain(last.get(host2.id, 'policies', 'deny/all'))).toEqual(plain(entry));
    expect(plain(last.head(host2.id))).toEqual(plain(message.deltas[0]?.head));
    // It also comes back from disk.
    const restored = createReplica({ self: host1.id, crypto: realCrypto(host1) });
    expect(restored.restore(middle.export(host2.id)!)).toHaveLength(1);
    expect(plain(restored.get(host2.id, 'policies', 'deny/all'))).toEqual(plain(entry));

    const forged = { ...message.deltas[0]!, entries: [{ ...entry, extra: latin('other') }] };
    const strict = createReplica({ self: host1.id, crypto: realCrypto(host1) });
    expect(strict.merge(forged).refused).toBe('bad-signature');
  });

  /** A delta as host2 would send it, had it a later version. */
  function entryOfLater(): { bytes: Uint8Array; entry: Entry } {
    const { hash, sign } = realCrypto(host2);
    const owner = host2.id;
    const fact = {
      ...{ owner, seq: 1, stamp: 7, domain: 'policies', key: 'deny/all' },
      ...{ value: latin('{"from":"blue"}'), extra: latin('expires 2031') },
    };
    const entry = { ...fact, signature: sign(signedEntry(fact)) };
    // Of one entry, the root is its own hash.
    const standing = { owner, upto: 1, stamp: 7, liveHash: hash(signedEntry(fact)), extra: latin('epoch 3') };
    const head = { ...standing, signature: sign(signedHead(standing)) };
    const delta = { head, after: 0, through: 1, snapshot: false, entries: [entry] };
    const bytes = encodeMessage({ kind: 'deltas', deltas: [delta], reply: false });
    return { bytes: Uint8Array.from([2, ...bytes.subarray(1), ...latin('more')]), entry };
  }
});
