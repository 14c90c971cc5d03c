import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refuse } from '../../../src/core/errors.ts';
import { type FakeRouter, startFakeRouter } from '../../support/fake-router.ts';
import { buildMeshCommand, type Finished, type MeshCommand } from '../../support/mesh-command.ts';

/** What `eval $(mesh env)` makes of a shell, and `eval $(mesh env --restore)` again. */

const PROXY = 'unix:///run/mesh/docker.sock';
const NAMES = ['DOCKER_HOST', 'ORIG_DOCKER_HOST', 'DOCKER_TLS_VERIFY', 'ORIG_DOCKER_TLS_VERIFY'];
type Variables = Readonly<Record<string, string>>;

let command: MeshCommand;
let router: FakeRouter;
const mesh = (env: Variables, ...argv: string[]): Promise<Finished> =>
  command.run([...argv, `--run-dir=${router.runDir}`], { env });

beforeAll(async () => {
  command = await buildMeshCommand();
});
afterAll(() => command.remove());
beforeEach(async () => {
  router = await startFakeRouter({});
});
afterEach(() => router.close());

/** The variables of a shell with `env` after it has evaluated what was printed, split into words as by `eval $(...)`. */
function evaluated(printed: string, env: Variables): Variables {
  const shown = NAMES.map(name => `printf '%s=%s\\n' ${name} "\${${name}-<none>}"`).join('\n');
  const { stdout, stderr, status } = spawnSync('sh', ['-c', `eval $(printf '%s' "$printed")\n${shown}`], {
    env: { ...env, printed },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  const pairs = stdout
    .trimEnd()
    .split('\n')
    .map(line => line.split(/=(.*)/s));
  return Object.fromEntries(
    pairs.filter(([, value]) => value !== '<none>').map(([name, value]) => [name, value]),
  );
}

async function turned(env: Variables): Promise<Variables> {
  const { status, stdout, stderr } = await mesh(env, 'env');
  expect([status, stderr]).toEqual([0, '']);
  return evaluated(stdout, env);
}

async function restored(env: Variables): Promise<Variables> {
  const { status, stdout, stderr } = await mesh(env, 'env', '--restore');
  expect([status, stderr]).toEqual([0, '']);
  return evaluated(stdout, env);
}

describe('mesh env', () => {
  it('is one line for a shell, or JSON', async () => {
    expect((await mesh({}, 'env')).stdout).toBe(`export DOCKER_HOST=${PROXY} ORIG_DOCKER_HOST=\n`);
    expect(JSON.parse((await mesh({}, 'env', '--json')).stdout)).toEqual({
      DOCKER_HOST: PROXY,
      ORIG_DOCKER_HOST: '',
    });
  });

  it.each<[string, Variables]>([
    ['nothing', {}],
    ['an engine', { DOCKER_HOST: 'tcp://10.0.0.1:2375' }],
    ['an engine with TLS', { DOCKER_HOST: 'tcp://10.0.0.1:2376', DOCKER_TLS_VERIFY: '1' }],
    ['TLS alone', { DOCKER_TLS_VERIFY: 'yes' }],
    ['a path with blanks and quotes', { DOCKER_HOST: "unix:///tmp/it's here; rm -rf $HOME" }],
  ])('leads to the proxy and back to what was set before: %s', async (_, env) => {
    const there = await turned(env);
    expect(there['DOCKER_HOST']).toBe(PROXY);
    expect(there['DOCKER_TLS_VERIFY']).toBeUndefined();
    expect(there['ORIG_DOCKER_HOST']).toBe(env['DOCKER_HOST'] ?? '');
    expect(await restored(there)).toEqual(env);
  });

  it('remembers the first of what was set where it is typed twice', async () => {
    const env = { DOCKER_HOST: 'tcp://10.0.0.1:2376', DOCKER_TLS_VERIFY: '1' };
    const twice = await turned(await turned(env));
    expect(await restored(twice)).toEqual(env);
  });

  it('never takes the proxy for the engine behind it', async () => {
    expect((await turned({ DOCKER_HOST: PROXY }))['ORIG_DOCKER_HOST']).toBe('');
  });

  it('says where there is nothing to restore', async () => {
    expect(await mesh({}, 'env', '--restore')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'mesh: nothing to restore: "eval $(mesh env)" was not called in this shell\n',
    });
  });
});

describe('mesh config', () => {
  it('is what the command line of Docker takes', async () => {
    expect((await mesh({}, 'config')).stdout).toBe(`-H=${PROXY}\n`);
    expect(JSON.parse((await mesh({}, 'config', '--json')).stdout)).toEqual([`-H=${PROXY}`]);
  });
});

describe('both', () => {
  it.each([['env'], ['config']])('%s prints nothing to evaluate where there is no proxy', async verb => {
    await router.close();
    router = await startFakeRouter({ proxy: async () => refuse({ code: 'proxy-off' }) });
    expect(await mesh({}, verb)).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'mesh: this router has no Docker proxy; launch it with an engine, and without --no-proxy or --no-plugin\n',
    });
    const away = await command.run([verb, '--run-dir=/run/mcl-nowhere'], { env: {} });
    expect(away).toEqual({
      status: 7,
      stdout: '',
      stderr: 'mesh: no router answers on /run/mcl-nowhere/mesh.sock; start one with "mesh launch"\n',
    });
  });

  it.each([
    [['env', 'sh'], "error: too many arguments for 'env'. Expected 0 arguments but got 1."],
    [['env', '--restor'], "unknown option '--restor' (Did you mean --restore?)"],
    [['config', '--restore'], "unknown option '--restore'"],
  ])('refuse %j', async (argv, line) => {
    const { status, stdout, stderr } = await mesh({}, ...argv);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(line.replace(/^error: /, '').replace(/\.$/, ''));
    expect(router.calls).toEqual([]);
  });
});
