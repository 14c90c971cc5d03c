import { describe, expect, it } from 'vitest';
import { parseRequestHead, parseResponseHead } from '../../../../src/api/proxy/head.ts';

const request = (...lines: string[]) =>
  parseRequestHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
const post = (...headers: string[]) =>
  request('POST /v1.41/containers/create HTTP/1.1', 'Host: d', ...headers);
const framing = (parsed: ReturnType<typeof request>) =>
  'head' in parsed ? parsed.head.framing : parsed.refusal.why;

describe('the head of a request', () => {
  it('says what is asked, and how long it is', () => {
    expect(request('GET /_ping HTTP/1.0')).toEqual({
      head: { method: 'GET', target: '/_ping', version: '1.0', headers: [], framing: { kind: 'none' } },
    });
    expect(framing(post('content-length:  12 '))).toEqual({ kind: 'length', length: 12 });
    expect(framing(post('Content-Length: 0'))).toEqual({ kind: 'none' });
    expect(framing(post('Transfer-Encoding: Chunked'))).toEqual({ kind: 'chunked' });
  });

  it.each<[string, string[], number]>([
    ['a length and a coding', ['Content-Length: 4', 'Transfer-Encoding: chunked'], 400],
    ['two lengths', ['Content-Length: 4', 'Content-Length: 5'], 400],
    ['the same length twice', ['Content-Length: 4', 'Content-Length: 4'], 400],
    ['a list of lengths', ['Content-Length: 4, 4'], 400],
    ['a length with a sign', ['Content-Length: +4'], 400],
    ['a length below zero', ['Content-Length: -1'], 400],
    ['a length in hex', ['Content-Length: 0x10'], 400],
    ['a length that is not exact', ['Content-Length: 99999999999999999999'], 400],
    ['no length', ['Content-Length:'], 400],
    ['another coding', ['Transfer-Encoding: gzip'], 501],
    ['two codings', ['Transfer-Encoding: gzip, chunked'], 501],
    ['a coding twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], 501],
    ['a coding that only looks like one', ['Transfer-Encoding: xchunked'], 501],
    ['a header that goes on', ['X-A: 1', ' more'], 400],
    ['a header that begins with a tab', ['\tX-A: 1'], 400],
    ['a blank before the colon', ['Content-Length : 4'], 400],
    ['no colon', ['nonsense'], 400],
    ['no name', [': 4'], 400],
    ['a carriage return in a value', ['X-A: 1\rTransfer-Encoding: chunked'], 400],
    ['a zero byte', ['X-A: 1\u0000'], 400],
  ])('with %s is refused', (_, headers, status) => {
    expect(post(...headers)).toMatchObject({ refusal: { status } });
  });

  it.each<[string, string, number]>([
    ['nothing', '', 400],
    ['garbage', '\u0016\u0003\u0001\u0002', 400],
    ['no version', 'GET /_ping', 400],
    ['two blanks', 'GET  /_ping HTTP/1.1', 400],
    ['a blank in the target', 'GET /a b HTTP/1.1', 400],
    ['HTTP/2', 'PRI * HTTP/2.0', 505],
    ['HTTP/0.9', 'GET / HTTP/0.9', 505],
    ['a method that is none', 'G{T / HTTP/1.1', 400],
  ])('that is %s is refused', (_, line, status) => {
    expect(request(line)).toMatchObject({ refusal: { status } });
  });

  it('of HTTP/1.0 has no coding', () => {
    expect(request('POST / HTTP/1.0', 'Transfer-Encoding: chunked')).toMatchObject({
      refusal: { status: 400 },
    });
  });
});

describe('the head of an answer', () => {
  const answer = (method: string, ...lines: string[]) => {
    const parsed = parseResponseHead(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), method);
    return 'head' in parsed ? parsed.head.framing.kind : parsed.refusal.status;
  };

  it('says how long it is', () => {
    expect(answer('GET', 'HTTP/1.1 200 OK', 'Content-Length: 5')).toBe('length');
    expect(answer('GET', 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')).toBe('chunked');
    expect(answer('GET', 'HTTP/1.1 200 OK')).toBe('close');
    expect(answer('HEAD', 'HTTP/1.1 200 OK', 'Content-Length: 5')).toBe('none');
    for (const status of [100, 101, 204, 304]) expect(answer('GET', `HTTP/1.1 ${status} So`)).toBe('none');
    expect(answer('GET', 'SSH-2.0-x')).toBe(502);
  });
});
