import { describe, expect, it } from 'vitest';
import { BadChunk, Body } from '../../../../src/api/proxy/body.ts';
import type { Framing } from '../../../../src/api/proxy/head.ts';

/** What a body of `text` in such pieces says, and what is left when it has ended. */
function read(framing: Framing, text: string, piece: number): { said: string; left: string; done: boolean } {
  let said = '';
  let left = '';
  const body = new Body(framing, part => {
    said += part.toString();
  });
  for (let at = 0; at < text.length; at += piece) {
    const bytes = Buffer.from(text.slice(at, at + piece));
    left += bytes.subarray(body.take(bytes)).toString();
  }
  return { said, left, done: body.done };
}

const CHUNKED = { kind: 'chunked' } as const;
const pieces = [1, 2, 3, 5, 1000];

describe('the end of a body', () => {
  it.each(pieces)('is found by its length, in pieces of %i', piece => {
    const length = { kind: 'length', length: 5 } as const;
    expect(read(length, 'helloGET /', piece)).toEqual({ said: 'hello', left: 'GET /', done: true });
    expect(read(length, 'hell', piece)).toMatchObject({ done: false });
    expect(read({ kind: 'none' }, 'GET /', piece)).toEqual({ said: '', left: 'GET /', done: true });
    expect(read({ kind: 'close' }, 'hello', piece)).toEqual({ said: 'hello', left: '', done: false });
  });

  it.each(pieces)('is found behind the last chunk, in pieces of %i', piece => {
    const text = '5\r\nhello\r\n00D ;x="y"\r\n, GET / HTTP/\r\n0\r\nX-Sum: 1\r\n\r\nGET /';
    expect(read(CHUNKED, text, piece)).toEqual({ said: 'hello, GET / HTTP/', left: 'GET /', done: true });
  });

  it.each([
    ['no size', 'hello\r\n'],
    ['an empty size', '\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n'],
    ['a size in front of which is a blank', ' 5\r\nhello\r\n'],
    ['a size that is not exact', 'fffffffffffff\r\n'],
    ['a chunk longer than it says', '3\r\nhello\r\n'],
    ['a line that ends otherwise', '5\nhello\r\n'],
    ['a line without an end', `${'0'.repeat(2000)}`],
    ['trailers without an end', `0\r\n${'X-A: 1\r\n'.repeat(3000)}`],
  ])('is not guessed: %s', (_, text) => {
    for (const piece of pieces) expect(() => read(CHUNKED, text, piece)).toThrow(BadChunk);
  });
});
