import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../../../src/api/control/client.ts';
import { type ControlCall, type ControlHandlers, ROUTES } from '../../../../src/api/control/contract.ts';
import { createWeaveHttp, type WeaveHttp } from '../../../../src/api/weave/http/server.ts';
import { ok, refuse } from '../../../../src/core/errors.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { type FakeRouter, REPORT, startFakeRouter } from '../../../support/fake-router.ts';
import { buildMeshCommand, type Finished, type MeshCommand } from '../../../support/mesh-command.ts';
import { KNOWN } from '../../../support/weave-known.ts';

/** Whole processes, as a user of Weave's types them, against a real control server and its HTTP. */

let command: MeshCommand;
let router: FakeRouter;
let http: WeaveHttp;

const NO_DOCKER = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
const place = (): string => join(router.runDir, 'http.sock');
const run = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  command.run(argv, {
    env: {
      MESH_PROFILE: 'weave',
      WEAVE_RUN_DIR: router.runDir,
      WEAVE_HTTP_ADDR: place(),
      ...NO_DOCKER,
      ...env,
    },
  });
const weave = (...argv: string[]): Promise<Finished> => run(argv);
const said = (stdout: string): Finished => ({ status: 0, stdout, stderr: '' });

beforeAll(async () => {
  command = await buildMeshCommand();
});
afterAll(() => command.remove());
beforeEach(async () => {
  router = await startFakeRouter({
    attach: async ({ container, addresses, subnets = [] }) => {
      if (container === 'gone') return refuse({ code: 'container-unknown', container });
      if (container === 'hosted') return refuse({ code: 'container-host-network', container });
      if (container === 'off') return refuse({ code: 'ipam-off' });
      return ok({ addresses: [...addresses, ...subnets.map(() => '10.32.0.1/12')] });
    },
    proxy: async () => ok({ addresses: ['tcp://0.0.0.0:12375'] }),
  });
  const names = Object.keys(ROUTES) as ControlCall[];
  const handlers = Object.fromEntries(
    names.map(name => [name, (body: never) => ask(router.socket, name, body)]),
  ) as unknown as ControlHandlers;
  const known = async () => ok(KNOWN);
  http = createWeaveHttp({ control: [place()], status: [], known, handlers, log: createFakeLog() });
  expect((await http.start()).ok).toBe(true);
});
afterEach(async () => {
  await http.stop();
  await router.close();
});

describe('weave', () => {
  it('is chosen by a flag, too, and --local says nothing new', async () => {
    expect((await run(['ps', 'box1', '--profile=weave'], { MESH_PROFILE: '' })).stdout).toMatch(/^box1 0a:/);
    expect(await weave('--local', 'ps', 'box1')).toEqual(await weave('ps', 'box1'));
    expect(await run([], { MESH_PROFILE: 'flannel' })).toEqual({
      status: 2,
      stdout: '',
      stderr: 'mesh: MESH_PROFILE: "flannel" is not allowed; it takes mesh or weave\n',
    });
  });

  it('says what it takes on standard error', async () => {
    const help = await weave('--help');
    expect([help.status, help.stdout]).toEqual([0, '']);
    expect(help.stderr).toContain('attach');
    expect((await weave('attach', '--help')).status).toBe(0);
    expect(await weave('nonsense')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Unknown weave command 'nonsense'\nUsage: weave/),
    });
    expect(await weave('attach')).toMatchObject({ status: 1, stdout: '' });
    expect(await weave('launch', '--wrong')).toMatchObject({ status: 1, stdout: '' });
  });

  it.each(['run', 'start', 'restart', 'launch-router', 'stop-plugin'])('has no %s any more', async verb => {
    expect(await weave(verb, '--any', 'word')).toEqual({
      status: 1,
      stdout: '',
      stderr: `The 'weave ${verb}' command has been removed as of Weave Net version 2.0\nPlease see release notes for further information\n`,
    });
  });

  it.each([
    [['launch', '--awsvpc'], /^AWS-VPC mode is not provided: .+\n$/],
    [['launch', '--token', 'x'], /^Weave Cloud has ended.+\n$/],
    [['setup-cni'], /^There is no CNI plugin.+\n$/],
    [['launch', '--mtu', '7'], /^--mtu: "7" is not allowed; it takes .+\n$/],
    [['launch', '--name', 'x'], /^"x" is not a peer name; .+\n$/],
    [['launch'], /^no Docker engine answers at unix:\/\/\/nowhere\/docker.sock .+\n$/],
  ])('refuses %j with a sentence', async (argv, stderr) => {
    expect(await weave(...argv)).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(stderr) });
  });
});

describe('containers', () => {
  it('get addresses, which are printed bare in the order in which they were asked for', async () => {
    expect(await weave('attach', 'net:default', '10.2.1.1/24', 'ip:10.2.2.1/24', 'box1')).toEqual(
      said('10.32.0.1 10.2.1.1 10.2.2.1\n'),
    );
    expect(await weave('attach', '--without-dns', '--no-multicast-route', 'box1')).toEqual(
      said('10.32.0.1\n'),
    );
    expect(router.calls.filter(([name]) => name === 'attach')).toEqual([
      ['attach', { container: 'box1', addresses: ['10.2.1.1/24', '10.2.2.1/24'], subnets: ['default'] }],
      [
        'attach',
        { container: 'box1', addresses: [], subnets: ['default'], withoutDns: true, withoutMulticast: true },
      ],
    ]);
  });

  it('lose those that they have, and nothing is wrong with others', async () => {
    expect(await weave('detach', '10.0.0.11/24', '10.0.0.99/24', 'box1')).toEqual(said('10.0.0.11\n'));
    expect(await weave('detach', 'net:10.0.0.0/24', 'box1')).toEqual(said('10.0.0.11\n'));
    expect(await weave('hide', '10.2.1.1/24')).toEqual(said(''));
  });

  it.each([
    [['attach', 'hosted'], /^Container is running in the host network namespace, .+--net=host\n$/],
    [['attach', 'off'], /^IP address allocation must be enabled to use 'net:'\n$/],
    [['attach', '10.2.1.1', 'box1'], /^"10.2.1.1" is not an address with a prefix; .+\n$/],
    [['attach', 'gone'], /^no container "gone" here; .+\n$/],
  ])('are refused: %j', async (argv, stderr) => {
    expect(await weave(...argv)).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(stderr) });
  });

  it('are listed by id, or as they are called', async () => {
    expect(await weave('ps')).toEqual(
      said(`weave:expose ${REPORT.self.name}\naaaaaaaaaaaa 0a:01:0a:00:00:0b 10.0.0.11/24\n`),
    );
    expect(await weave('ps', 'box1', 'nothing')).toEqual(said('box1 0a:01:0a:00:00:0b 10.0.0.11/24\n'));
    expect(await weave('ps', 'nothing')).toEqual(said(''));
  });
});

describe('names', () => {
  it('are given and taken away, and say nothing', async () => {
    expect(await weave('dns-add', '10.2.1.1', 'box1', '-h', 'web.mesh.internal')).toEqual(said(''));
    expect(await weave('dns-remove', 'box1')).toEqual(said(''));
    expect(router.calls).toEqual([
      ['name', { container: 'box1', addresses: ['10.2.1.1'], names: ['web.mesh.internal'] }],
      ['unname', { container: 'box1', addresses: [], names: [] }],
    ]);
    expect((await weave('dns-add', 'box1', 'box2', '-h', 'web')).status).toBe(1);
    expect((await weave('dns-add', '10.2.1.1')).status).toBe(1);
  });

  it('are looked up, and containers are told where', async () => {
    expect(await weave('dns-lookup', 'web')).toEqual(said('10.0.0.11\n10.0.0.12\n'));
    expect(await weave('dns-args', '--name', 'box1')).toEqual(
      said('--dns=172.17.0.1 --dns-search=mesh.internal.'),
    );
  });
});

describe('questions', () => {
  it('are answered as Weave lays them out', async () => {
    const { status, stdout } = await weave('status');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^\n {8}Version: 0\.1\.0 .+\n\n {8}Service: router\n/);
    expect(stdout).toMatch(/\n\n$/);
    expect(await weave('status', 'targets')).toEqual(said('192.168.48.13\n'));
    expect((await weave('status', 'nothing')).stderr).toMatch(
      /^Invalid 'weave status' sub-command: nothing\nUsage: weave status/,
    );
    expect((await weave('status', 'nothing')).status).toBe(1);
  });

  it('are answered by templates to the letter', async () => {
    expect(await weave('report', '-f', '{{range .Router.Targets}}{{.}}\n{{end}}')).toEqual(
      said('192.168.48.13\n'),
    );
    expect(await weave('report', '-f', '{{.Router.NickName}}')).toEqual(said('host1'));
    expect(await weave('report', '-f', '{{nothing}}')).toMatchObject({ status: 1, stdout: '' });
    expect(JSON.parse((await weave('report')).stdout)).toMatchObject({ Router: { NickName: 'host1' } });
  });

  it('say where the proxy is, from where it is asked', async () => {
    const env = { DOCKER_HOST: 'tcp://192.168.48.11:2375' };
    expect(await run(['env'], env)).toEqual(
      said('export DOCKER_HOST=tcp://192.168.48.11:12375 ORIG_DOCKER_HOST=tcp://192.168.48.11:2375\n'),
    );
    expect(await run(['config'], { ...env, PROXY_HOST: 'web1' })).toEqual(said('-H=tcp://web1:12375\n'));
    expect(await run(['env', '--restore'], { ...env, ORIG_DOCKER_HOST: 'tcp://a:1' })).toEqual(
      said('DOCKER_HOST=tcp://a:1\n'),
    );
    expect(await run(['env', '--restore'], env)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^Nothing to restore\. .+ 'eval \$\(weave env\)' in this shell\.\n$/),
    });
  });
});

describe('without a router', () => {
  const ABSENT = 'weave container is not present. Have you launched it?\n';
  it.each([
    ['status', 1, ABSENT],
    ['config', 1, ABSENT],
    ['env', 0, ABSENT],
    ['report', 7, ABSENT],
    ['prime', 7, ABSENT],
    ['expose', 7, ABSENT],
    ['dns-args', 7, ''],
    ['stop', 0, 'Weave is not running (ignore on Kubernetes).\n'],
  ])('%s ends with %i', async (verb, status, stderr) => {
    await http.stop();
    const env = { WEAVE_RUN_DIR: join(router.runDir, 'none') };
    expect(await run([verb], env)).toEqual({ status, stdout: '', stderr });
  });

  it.each(['connect', 'forget', 'rmpeer'])('%s does so, too', async verb => {
    const env = { WEAVE_RUN_DIR: join(router.runDir, 'none') };
    expect(await run([verb, 'host2'], env)).toEqual({
      status: verb === 'rmpeer' ? 1 : 7,
      stdout: '',
      stderr: ABSENT,
    });
  });
});
