import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Conversation } from '../../../../src/api/proxy/conversation.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { dial, type End, type PlayedEngine, playEngine } from '../../../support/proxy/wire.ts';
import { until } from '../../../support/until.ts';

describe('a conversation that passes', () => {
  let engine: PlayedEngine;
  let server: Server;
  let path: string;
  let client: End;

  beforeEach(async () => {
    engine = await playEngine();
    path = `${engine.path}.proxy`;
    server = createServer({ allowHalfOpen: true }, socket => {
      const conversation = new Conversation(
        socket,
        { path: engine.path },
        exchange => exchange.pass(),
        createFakeLog(),
      );
      void conversation.run();
    });
    await new Promise<void>(resolve => server.listen(path, resolve));
    client = await dial(path);
  });
  afterEach(async () => {
    client.socket.destroy();
    await engine.close();
    await new Promise(resolve => server.close(resolve));
  });

  const says = (end: End, ...lines: string[]) => void end.socket.write(lines.join('\r\n'));
  const ends = (end: End) =>
    until(
      async () => end.isEnded() || undefined,
      () => `the connection goes on; there is ${JSON.stringify(end.received())}`,
    );

  it('is the same on both sides, byte by byte', async () => {
    const request = 'GET /v1.41/info HTTP/1.1\r\nhost: d\r\nX-Odd:   \tvalue \r\n\r\n';
    says(client, request);
    const upstream = await engine.accepted();
    await upstream.gets('\r\n\r\n');
    expect(upstream.received()).toBe(request);
    const answer = 'HTTP/1.1 200 OK\r\nx-lower: 1\r\nContent-Length: 4\r\n\r\n{}\r\n';
    says(upstream, answer);
    await client.gets('{}\r\n');
    expect(client.received()).toBe(answer);
  });

  it('goes on over the same connections', async () => {
    for (const name of ['one', 'two', 'three']) {
      says(
        client,
        `POST /${name} HTTP/1.1`,
        'Transfer-Encoding: chunked',
        '',
        '3',
        name.slice(0, 3),
        '0',
        '',
        '',
      );
      const upstream = engine.connections[0] ?? (await engine.accepted());
      await upstream.gets(`${name.slice(0, 3)}\r\n0\r\n\r\n`);
      says(upstream, 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '3', name.slice(0, 3), '0', '', '');
      await client.gets(`${name.slice(0, 3)}\r\n0\r\n\r\n`);
    }
    expect(engine.connections).toHaveLength(1);
  });

  it('takes a new connection where the engine has ended the old one', async () => {
    says(client, 'GET /a HTTP/1.1', '', '');
    const first = await engine.accepted();
    await first.gets('/a');
    says(first, 'HTTP/1.1 204 No Content', '', '');
    await client.gets('204');
    first.socket.end();
    await ends(first);
    says(client, 'GET /b HTTP/1.1', '', '');
    const second = await engine.accepted();
    await second.gets('/b');
    says(second, 'HTTP/1.1 200 again', 'Content-Length: 0', '', '');
    await client.gets('again');
  });

  it.each([
    ['an old client that does not ask for more', 'HTTP/1.0', 'HTTP/1.0 200 OK', '', true],
    ['an old client that does', 'HTTP/1.0', 'HTTP/1.0 200 OK', 'Connection: keep-alive', false],
    ['who asks for no more', 'HTTP/1.1', 'HTTP/1.1 200 OK', 'Connection: close', true],
    ['all others', 'HTTP/1.1', 'HTTP/1.1 200 OK', '', false],
  ])('ends where the engine ends it: for %s', async (_, version, line, header, isLast) => {
    says(client, `GET /_ping ${version}`, '', '');
    const upstream = await engine.accepted();
    await upstream.gets('_ping');
    says(upstream, line, ...(header === '' ? [] : [header]), 'Content-Length: 2', '', 'OK');
    await client.gets('OK');
    if (!isLast) says(client, `GET /again ${version}`, '', '');
    await (isLast ? ends(client) : upstream.gets('again'));
  });

  it('gets the head of an answer at once, long before its body', async () => {
    says(client, 'POST /containers/x/wait HTTP/1.1', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('/wait');
    says(upstream, 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '');
    await client.gets('chunked\r\n\r\n');
    says(upstream, '2', '{}', '0', '', '');
    await client.gets('{}\r\n0\r\n\r\n');
  });

  it('is cancelled on the other side when the client goes', async () => {
    says(client, 'GET /events HTTP/1.1', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('/events');
    says(upstream, 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '');
    await client.gets('chunked\r\n\r\n');
    expect(upstream.isEnded()).toBe(false);
    client.socket.destroy();
    await ends(upstream);
  });

  it('is cancelled though the client was not answered yet, or not done', async () => {
    says(client, 'POST /build HTTP/1.1', 'Content-Length: 100', '', 'half');
    const upstream = await engine.accepted();
    await upstream.gets('half');
    client.socket.destroy();
    await ends(upstream);
  });

  it('ends where the engine breaks off', async () => {
    says(client, 'GET /logs HTTP/1.1', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('/logs');
    says(upstream, 'HTTP/1.1 200 OK', 'Content-Length: 100', '', 'half');
    await client.gets('half');
    upstream.socket.destroy();
    await ends(client);
    expect(client.received()).toMatch(/half$/);
  });

  it('hands a word to go on to who waits for it with a body', async () => {
    says(client, 'PUT /archive HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 4', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('100-continue');
    says(upstream, 'HTTP/1.1 100 Continue', '', '');
    await client.gets('100 Continue\r\n\r\n');
    says(client, 'body');
    await upstream.gets('body');
    says(upstream, 'HTTP/1.1 200 OK', 'Content-Length: 0', '', '');
    await client.gets('200 OK');
  });

  it('becomes a stream with an upgrade, of which each side may end its half', async () => {
    says(
      client,
      'POST /exec/x/start HTTP/1.1',
      'Connection: Upgrade',
      'Upgrade: tcp',
      'Content-Length: 2',
      '',
      '{}',
    );
    const upstream = await engine.accepted();
    await upstream.gets('{}');
    says(upstream, 'HTTP/1.1 101 UPGRADED', 'Connection: Upgrade', 'Upgrade: tcp', '', 'prompt$ ');
    await client.gets('prompt$ ');
    says(client, 'POST /containers/create HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2', '', '');
    client.socket.end('\u0000\u00ff');
    await upstream.gets('Content-Length: 2\r\n\r\n\u0000');
    await ends(upstream);
    says(upstream, 'late');
    await client.gets('late');
    upstream.socket.end();
    await ends(client);
  });

  it('becomes a stream without one, as old clients have it', async () => {
    says(client, 'POST /containers/x/attach?stdin=1&stream=1 HTTP/1.1', 'Content-Length: 0', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('attach');
    says(upstream, 'HTTP/1.1 200 OK', 'Content-Type: application/vnd.docker.raw-stream', '', 'out');
    await client.gets('out');
    says(client, 'in');
    await upstream.gets('in');
    client.socket.end();
    await ends(upstream);
    upstream.socket.end('last');
    await client.gets('last');
    await ends(client);
  });

  it('lets what follows a request wait for its turn', async () => {
    says(client, 'GET /a HTTP/1.1', '', 'GET /b HTTP/1.1', '', '');
    const upstream = await engine.accepted();
    await upstream.gets('/a');
    expect(upstream.received()).not.toContain('/b');
    says(upstream, 'HTTP/1.1 200 OK', 'Content-Length: 1', '', 'A');
    await upstream.gets('/b');
    says(upstream, 'HTTP/1.1 200 OK', 'Content-Length: 1', '', 'B');
    await client.gets('\r\n\r\nB');
  });

  it.each([
    [
      'both framings',
      'POST /containers/create HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['lines that end otherwise', 'GET /_ping HTTP/1.1\nHost: d\n\n', 400],
    ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\n', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['a head that is too long', `GET / HTTP/1.1\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
    ['a head that never ends', `GET / HTTP/1.1\r\n${'X-A: a\r\n'.repeat(10_000)}`, 431],
  ])('is refused before the engine hears of it: %s', async (_, text, status) => {
    client.socket.write(text, 'latin1');
    await client.gets(`HTTP/1.1 ${status} `);
    await ends(client);
    expect(client.received()).toContain('Connection: close\r\n\r\n{"message":"');
    expect(engine.connections).toHaveLength(0);
  });

  it('hands on in one piece what came in one, so that an engine that hangs up early is heard', async () => {
    says(client, 'PUT /archive HTTP/1.1', 'Connection: close', 'Content-Length: 10', '', '0123456789');
    const upstream = await engine.accepted();
    await upstream.gets('0123456789');
    expect(upstream.pieces()).toBe(1);
    says(upstream, 'HTTP/1.1 404 Not Found', 'Connection: close', 'Content-Length: 2', '', '{}');
    upstream.socket.destroySoon();
    await client.gets('{}');
    await ends(client);
  });

  it('is refused where a chunk is none, and the engine is told no end of it', async () => {
    says(client, 'POST /build HTTP/1.1', 'Transfer-Encoding: chunked', '', '3', 'abc', 'nonsense', '');
    const upstream = await engine.accepted();
    await ends(upstream);
    await client.gets('HTTP/1.1 400 ');
    expect(upstream.received()).not.toContain('nonsense');
  });

  it('says so where there is no engine', async () => {
    await engine.close();
    says(client, 'GET /_ping HTTP/1.1', '', '');
    await client.gets('HTTP/1.1 503 ');
    expect(client.received()).toContain("the Docker engine can't be reached");
  });
});
