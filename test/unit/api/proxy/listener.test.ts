import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEngine } from '../../../../src/adapters/docker/engine.ts';
import type { ListenAddress } from '../../../../src/api/proxy/listen-address.ts';
import { type ListenOptions, listen } from '../../../../src/api/proxy/listener.ts';
import { createProxy } from '../../../../src/api/proxy/proxy.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { RULES } from '../../../support/proxy/proxied.ts';
import { dial } from '../../../support/proxy/wire.ts';
import { until } from '../../../support/until.ts';

let directory: string;
let path: string;
let ends: (() => void)[];
let clients: Socket[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mpx-'));
  path = join(directory, 'run', 'docker.sock');
  ends = [];
  clients = [];
});
afterEach(() => {
  for (const client of clients) client.destroy();
  for (const end of ends) end();
  rmSync(directory, { recursive: true });
});

async function begin(options: Partial<ListenOptions> = {}) {
  const started = await listen({
    address: { kind: 'unix', path },
    tls: undefined,
    like: undefined,
    onClient: socket => void clients.push(socket),
    onError: error => expect.unreachable(error.message),
    ...options,
  });
  if (started.ok) ends.push(started.value);
  return started;
}
const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('a listener on a path', () => {
  it("is for those whom the engine's own socket is for", async () => {
    const model = join(directory, 'engine.sock');
    writeFileSync(model, '');
    chmodSync(model, 0o660);
    expect((await begin({ like: model })).ok).toBe(true);
    expect(modeOf(path)).toBe(0o660);
    (await dial(path)).socket.destroy();
  });

  it.each([[undefined], ['/run/mpx-nowhere']])(
    'is for its owner alone where the engine has none: %s',
    async like => {
      expect((await begin({ like })).ok).toBe(true);
      expect(modeOf(path)).toBe(0o600);
    },
  );

  it('takes the place of what nobody answers at, and leaves none behind', async () => {
    expect((await begin()).ok).toBe(true);
    ends.pop()?.();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, '');
    expect((await begin()).ok).toBe(true);
    (await dial(path)).socket.destroy();
  });

  it('is refused where somebody answers', async () => {
    expect((await begin()).ok).toBe(true);
    expect(await begin()).toEqual({
      ok: false,
      problem: { code: 'proxy-address', address: `unix://${path}`, why: 'something answers there already' },
    });
    (await dial(path)).socket.destroy();
  });

  it('is refused where there can be none', async () => {
    writeFileSync(join(directory, 'run'), '');
    const refused = await begin();
    expect(refused).toMatchObject({
      ok: false,
      problem: { code: 'proxy-address', address: `unix://${path}` },
    });
  });
});

describe('a listener on TCP', () => {
  it('is refused where the port is taken', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const address: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port };
    const refused = await begin({ address });
    expect(refused).toMatchObject({ problem: { code: 'proxy-address', address: `tcp://127.0.0.1:${port}` } });
    await new Promise(resolve => other.close(resolve));
    expect((await begin({ address })).ok).toBe(true);
  });

  it.each([['there is no such file'], ['it is no certificate']])(
    'is refused with files that are none: %s',
    async why => {
      const file = join(directory, 'file.pem');
      if (why === 'it is no certificate') writeFileSync(file, 'nonsense');
      const tls = { ca: file, cert: file, key: file };
      const refused = await begin({ address: { kind: 'tcp', host: '127.0.0.1', port: 1 }, tls });
      expect(refused).toMatchObject({ ok: false, problem: { code: 'proxy-address' } });
    },
  );
});

describe('a proxy with several addresses', () => {
  it('listens at all of them, or nowhere', async () => {
    const other = join(directory, 'other.sock');
    const engineAddress = `unix://${join(directory, 'engine.sock')}`;
    const proxy = createProxy({
      engineAddress,
      engine: createEngine(engineAddress),
      listen: [
        { kind: 'unix', path: other },
        { kind: 'unix', path },
      ],
      tls: undefined,
      rules: RULES,
      mesh: {} as never,
      drivers: {} as never,
      log: createFakeLog(),
    });
    expect((await begin()).ok).toBe(true);
    expect(await proxy.start()).toMatchObject({ ok: false, problem: { address: `unix://${path}` } });
    expect(existsSync(other)).toBe(false);
    ends.pop()?.();
    expect((await proxy.start()).ok).toBe(true);
    const client = await dial(other);
    await proxy.stop();
    await until(
      () => client.isEnded() || undefined,
      () => 'a conversation goes on',
    );
    expect([existsSync(path), existsSync(other)]).toEqual([false, false]);
  });
});
