import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeBatch, encodeFrame, encodeHeader } from '../../../src/adapters/file/codec.ts';
import { recover } from '../../../src/adapters/file/recovery.ts';
import { joinRecords } from '../../../src/core/replica/records.ts';
import { decodeLedger } from '../../../src/core/replica/storage.ts';
import { createPeer, peerId, put } from '../../support/replicas.ts';
import { insist, type Target } from '../target.ts';

const owner = createPeer('A');
owner.write([put('x', '1'), put('y', '2')]);
const ledger = owner.export(peerId('A'))!;

const VALUES = ['first', 'second', 'third'];
const batches = VALUES.map((value, index) =>
  encodeFrame(
    index + 1,
    encodeBatch(
      new Map([
        ['key', Buffer.from(value)],
        ['ledger', ledger],
      ]),
    ),
  ),
);
const journal = new Uint8Array(Buffer.concat([encodeHeader('jrnl'), ...batches]));

const directory = mkdtempSync(join(tmpdir(), 'mesh-fuzz-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

export const store: Target = {
  what: 'files of the state directory, and the ledgers in them',
  slowMs: 50,
  structured: fc.constantFrom(journal, new Uint8Array(ledger)),
  async read(bytes) {
    decodeLedger(bytes);
    joinRecords(peerId('A'), bytes, [bytes]);
    const restored = createPeer('B').restore(bytes);
    insist(restored === undefined || restored.length === 2, 'a ledger is what its owner signed, or nothing');
    writeFileSync(join(directory, '1.journal'), bytes);
    const found = await recover(directory);
    if (!found.ok) return;
    const value = found.value.records.get('key');
    const known = value === undefined || VALUES.includes(Buffer.from(value).toString());
    insist(known, 'a record is one that was written');
  },
};
