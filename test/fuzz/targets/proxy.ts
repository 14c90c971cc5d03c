import fc from 'fast-check';
import { BadChunk, Body } from '../../../src/api/proxy/body.ts';
import { Refused } from '../../../src/api/proxy/exchange.ts';
import { type Framing, parseRequestHead, parseResponseHead, valuesOf } from '../../../src/api/proxy/head.ts';
import { parseFields } from '../../../src/api/proxy/json.ts';
import { readNetworkRequest } from '../../../src/api/proxy/network-request.ts';
import { readTarget } from '../../../src/api/proxy/target.ts';
import { readWish } from '../../../src/api/proxy/wish.ts';
import { parseCidr } from '../../../src/core/address.ts';
import { insist, type Target } from '../target.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const RULES = { variable: 'MESH_CIDR', isDefault: true, subnet: parseCidr('10.32.0.0/13') };

const line = fc.constantFrom(
  ...[
    'POST /v1.41/containers/create?name=web HTTP/1.1',
    'GET /_ping HTTP/1.0',
    'PUT http://d/x%2Fy HTTP/1.1',
  ],
  ...['HTTP/1.1 200 OK', 'HTTP/1.1 101 UPGRADED', 'HTTP/1.1 304 Not Modified'],
);
const header = fc.constantFrom(
  ...['Host: docker', 'Content-Length: 10', 'Content-Length: 0', 'content-length: +1', 'Content-Length : 3'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip, chunked', 'Connection: close', 'X-A: \u00e4'],
);
const body = fc.constantFrom(
  ...[
    '0123456789',
    '5\r\nhello\r\n0\r\n\r\n',
    'a;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\n',
    '0\r\n\r\nGET /next',
  ],
  ...[
    '{"Name":"prod","Driver":"mesh","Options":{"mtu":"1300"},"IPAM":{"Config":[{"Subnet":"10.40.0.0/16"}]}}',
  ],
  ...['{"Name":"prod","Options":{"a\\nb":"1"}}', '{"Name":"prod","Labels":{"a\\u0000b":1}}'],
  ...['{"Env":["MESH_CIDR=net:default 10.9.0.1/24"],"n":1.50,"HostConfig":{"Dns":[]}}'],
);

/** What is understood is understood in one way, however it comes in pieces: else a request could pass unseen in another's body. */
export const proxy: Target = {
  what: "messages of Docker's clients and engine, their framing and their bodies",
  structured: fc
    .tuple(line, fc.array(header, { maxLength: 4 }), body)
    .map(([first, headers, rest]) => Buffer.from([first, ...headers, '', rest].join('\r\n'), 'latin1')),
  read(bytes) {
    const all = Buffer.from(bytes);
    const end = all.indexOf(HEAD_END);
    readBody(all.toString());
    if (end === -1) return;
    const head = all.subarray(0, end + HEAD_END.length);
    const rest = all.subarray(head.length);
    const request = parseRequestHead(head);
    if ('head' in request) {
      const { framing, headers } = request.head;
      const said = [...valuesOf(headers, 'content-length'), ...valuesOf(headers, 'transfer-encoding')];
      insist(said.length <= 1, 'a request says once where its body ends');
      insist(said.length === 1 || framing.kind === 'none', 'a request that does not say so has no body');
      insist(framing.kind !== 'close', 'no request ends with its connection');
      readTarget(request.head);
      compareFraming(framing, rest);
      readBody(rest.toString());
    }
    const response = parseResponseHead(head, 'GET');
    if ('head' in response) compareFraming(response.head.framing, rest);
  },
};

/** The same end, and the same content, however it comes. */
function compareFraming(framing: Framing, rest: Buffer): void {
  const whole = taken(framing, [rest]);
  const single = taken(
    framing,
    Array.from(rest, byte => Buffer.from([byte])),
  );
  insist(whole === single, `a body ends where it ends: ${whole} or ${single}`);
}

function taken(framing: Framing, pieces: readonly Buffer[]): string {
  const parts: Buffer[] = [];
  const body = new Body(framing, part => parts.push(Buffer.from(part)));
  let used = 0;
  try {
    for (const piece of pieces) if (!body.done) used += body.take(piece);
  } catch (error) {
    insist(error instanceof BadChunk, 'what is no body is a bad chunk');
    return 'broken';
  }
  return `${used} ${body.done} ${Buffer.concat(parts).toString('hex')}`;
}

function readBody(text: string): void {
  const fields = parseFields(text);
  if (fields === undefined) return;
  const again = JSON.stringify(fields);
  insist(
    JSON.stringify(JSON.parse(text)) === JSON.stringify(JSON.parse(again)),
    'a body is written as it was read',
  );
  readWish(fields['Env'], RULES);
  try {
    readNetworkRequest(fields, { driver: 'mesh', multicastOption: 'mesh.multicast' });
  } catch (error) {
    insist(error instanceof Refused && /^[^\n]+$/.test(error.message), 'a network is refused in one line');
  }
}
