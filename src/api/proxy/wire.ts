import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Header, RequestHead } from './head.ts';

/** What is written to a connection. */

/** Resolves when there is room for more; at once where the connection is gone. */
export function write(socket: Socket, bytes: Buffer): Promise<void> | undefined {
  if (socket.destroyed || bytes.length === 0 || socket.write(bytes)) return undefined;
  return new Promise(resolve => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** A whole answer in JSON, as an engine gives it; the `last` one ends the connection. */
export function answerBytes(status: number, value: unknown, last = false): Buffer {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...(last ? ['Connection: close'] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

const FRAMING = new Set(['content-length', 'transfer-encoding', 'expect', 'trailer']);

/** A request with another body, and otherwise as it came. */
export function requestBytes({ method, target, version, headers }: RequestHead, body: Buffer): Buffer {
  return Buffer.concat([headBytes(`${method} ${target} HTTP/${version}`, headers, body.length), body]);
}

/** An answer with another body, and otherwise as it came. */
export function responseBytes(status: number, headers: readonly Header[], body: Buffer): Buffer {
  return Buffer.concat([
    headBytes(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, headers, body.length),
    body,
  ]);
}

/** In the place of another, "done, and nothing to say". */
export function emptyAnswer(headers: readonly Header[]): Buffer {
  const kept = headers.filter(({ name }) => !/^(content-.*|transfer-encoding)$/i.test(name));
  const lines = ['HTTP/1.1 204 No Content', ...kept.map(({ name, value }) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

function headBytes(first: string, headers: readonly Header[], length: number): Buffer {
  const kept = headers.filter(({ name }) => !FRAMING.has(name.toLowerCase()));
  const lines = [first, ...kept.map(({ name, value }) => `${name}: ${value}`), `Content-Length: ${length}`];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
