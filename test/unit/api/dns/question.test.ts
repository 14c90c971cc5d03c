import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RCODE } from '../../../../src/api/dns/message.ts';
import { readQuestion } from '../../../../src/api/dns/question.ts';
import { questionBytes } from '../../../support/dns/ask.ts';

const SEEDS = join(import.meta.dirname, '../../../fuzz/seeds/dns');

/** A good question, with one thing changed. */
function changed(change: (bytes: Buffer) => void, name = 'web.mesh.internal'): Buffer {
  const bytes = Buffer.from(questionBytes(name, { edns: 1232 }));
  change(bytes);
  return bytes;
}
const at = (index: number, value: number) => (bytes: Buffer) => void bytes.writeUInt8(value, index);

describe('a message that is no question', () => {
  it.each([
    ['claims two questions', changed(at(5, 2))],
    ['claims none', changed(at(5, 0))],
    ['claims an answer', changed(at(7, 1))],
    ['claims an authority', changed(at(9, 1))],
    ['claims more records than it has', changed(at(11, 2))],
    ['claims thousands of records', changed(at(10, 0xff))],
    ['has a pointer in its name', changed(at(12, 0xc0))],
    ['has a label that is longer than it', changed(at(12, 63))],
    ['ends within its name', questionBytes('web.mesh.internal').subarray(0, 20)],
    ['ends before its type', questionBytes('web.mesh.internal').subarray(0, -4)],
    ['has more behind its end', Buffer.concat([questionBytes('web'), Buffer.from([0])])],
    ['has a name of more than 255 bytes', questionBytes('a.'.repeat(130))],
  ] as const)('is told so where it %s', (_, bytes) =>
    expect(readQuestion(Buffer.from(bytes))).toBe(RCODE.malformed),
  );

  it('is told that nobody does that, or that it is not for us', () => {
    expect(readQuestion(changed(at(2, 0x28)))).toBe(RCODE.notImplemented);
    const other = questionBytes('web');
    other.writeUInt16BE(3, other.length - 2);
    expect(readQuestion(other)).toBe(RCODE.refused);
  });

  it.each(readdirSync(SEEDS))('is no question where it did harm once: %s', file => {
    expect(readQuestion(readFileSync(join(SEEDS, file)))).not.toBeTypeOf('object');
  });

  it('gets nothing where it is an answer itself, or too short to be answered', () => {
    expect(readQuestion(changed(at(2, 0x81)))).toBeUndefined();
    for (const length of [0, 1, 11]) expect(readQuestion(Buffer.alloc(length))).toBeUndefined();
  });
});
