import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createEngine } from '../../../../src/adapters/docker/engine.ts';
import { type FakeEngine, startFakeEngine } from '../../../support/fake-engine.ts';
import { RELEASES, type Release } from '../../../support/releases.ts';
import { until } from '../../../support/until.ts';

describe('engine', () => {
  const disposals: (() => unknown)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });

  async function play(release: Release): Promise<FakeEngine> {
    const engine = await startFakeEngine(release);
    disposals.push(() => engine.dispose());
    return engine;
  }

  /** A server that does as it is told, and its address. */
  async function serve(listener: RequestListener): Promise<string> {
    const path = join(mkdtempSync(join(tmpdir(), 'mst-docker-')), 'docker.sock');
    const server = createServer(listener);
    await new Promise<void>(resolve => server.listen(path, resolve));
    disposals.push(() => {
      server.closeAllConnections();
      server.close();
      rmSync(join(path, '..'), { recursive: true });
    });
    return `unix://${path}`;
  }

  for (const [release, { newest }] of Object.entries(RELEASES)) {
    test(`speaks with ${release} as that speaks best, having asked once`, async () => {
      const played = await play(release as Release);
      played.put({ name: 'box1' });
      const engine = createEngine(played.address);
      for (let count = 0; count < 2; count += 1) {
        expect(await engine.get('/containers/box1/json')).toMatchObject({ ok: true, value: { status: 200 } });
      }
      const inspection = `GET /v${newest}/containers/box1/json`;
      expect(played.requests).toEqual(['GET /_ping', inspection, inspection]);
    });
  }

  test('asks again when the engine was upgraded or downgraded under it', async () => {
    const played = await play('20.10');
    played.put({ name: 'box1' });
    const engine = createEngine(played.address);
    for (const release of ['20.10', '29.0', '20.10'] as const) {
      played.upgrade(release);
      expect(await engine.get('/containers/box1/json')).toMatchObject({ ok: true, value: { status: 200 } });
      expect(played.requests.at(-1)).toBe(`GET /v${RELEASES[release].newest}/containers/box1/json`);
    }
  });

  test('goes without a version where the engine names none', async () => {
    const asked: (string | undefined)[] = [];
    const address = await serve((request, response) => {
      asked.push(request.url);
      response.end('{}');
    });
    await createEngine(address).get('/containers/box1/json');
    expect(asked).toEqual(['/_ping', '/containers/box1/json']);
  });

  test('tells why there is no engine', async () => {
    const played = await play('25.0');
    const { address } = played;
    await played.stop();
    const refusals: [string, string][] = [
      [address, 'there is no such socket'],
      ['tcp://127.0.0.1:1', 'nothing listens there'],
      ['ssh://host', 'write unix:///PATH or tcp://HOST:PORT'],
      ['', 'write unix:///PATH or tcp://HOST:PORT'],
    ];
    for (const [where, why] of refusals) {
      expect(await createEngine(where).get('/info')).toEqual({
        ok: false,
        problem: { code: 'docker-unreachable', address: where, why },
      });
    }
  });

  test('waits for an answer for a limited time only, for its head and for its body', async () => {
    const silent = await serve(() => undefined);
    const halting = await serve((request, response) => {
      if (request.url === '/_ping') response.end();
      else response.write('{');
    });
    for (const [address, limitMs, why] of [
      [silent, 50, 'no answer within 0.05 s'],
      // Long enough for the head to come.
      [halting, 2_000, 'the answer broke off'],
    ] as const) {
      expect(await createEngine(address, limitMs).get('/info')).toMatchObject({
        ok: false,
        problem: { why },
      });
    }
  });

  test('gives lines whole, wherever they are cut', async () => {
    const played = await play('25.0');
    const lines: string[] = [];
    await createEngine(played.address).follow(
      '/events',
      line => void lines.push(line),
      () => undefined,
    );
    await until(
      () => played.followers() || undefined,
      () => 'followed',
    );
    const text = Buffer.from('{"a":"é√𝄞"}\n\r\n{"b":2}\n{"c":3}\n');
    for (const byte of text) {
      played.emitRaw(Buffer.of(byte));
      await new Promise(resolve => setImmediate(resolve));
    }
    await until(
      () => (lines.length === 3 ? true : undefined),
      () => `three lines, had ${lines}`,
    );
    expect(lines).toEqual(['{"a":"é√𝄞"}', '{"b":2}', '{"c":3}']);
    played.emitRaw(text);
    await until(
      () => (lines.length === 6 ? true : undefined),
      () => 'six lines',
    );
  });

  test('tells once that a stream ended; not when it was closed on purpose', async () => {
    const played = await play('25.0');
    const engine = createEngine(played.address);
    let ends = 0;
    const ended = () => {
      ends += 1;
    };
    const first = await engine.follow('/events', () => undefined, ended);
    if (first.ok) first.value();
    await until(
      () => (played.followers() === 0 ? true : undefined),
      () => 'closed',
    );
    expect(ends).toBe(0);
    await engine.follow('/events', () => undefined, ended);
    await played.stop();
    await until(
      () => ends || undefined,
      () => 'ended',
    );
    expect(ends).toBe(1);
  });

  test('drops an engine that sends a line without end', async () => {
    const played = await play('25.0');
    let ends = 0;
    await createEngine(played.address).follow(
      '/events',
      () => undefined,
      () => {
        ends += 1;
      },
    );
    await until(
      () => played.followers() || undefined,
      () => 'followed',
    );
    played.emitRaw('x'.repeat(2 * 1024 * 1024));
    await until(
      () => ends || undefined,
      () => 'dropped',
    );
  });
});
