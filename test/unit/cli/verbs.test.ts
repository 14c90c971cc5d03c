import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ok, refuse } from '../../../src/core/errors.ts';
import { DNS, type FakeRouter, REPORT, startFakeRouter } from '../../support/fake-router.ts';
import { buildMeshCommand, type Finished, type MeshCommand } from '../../support/mesh-command.ts';

/** Whole processes of the command line, as it is shipped, against a real control server. */

let command: MeshCommand;
let router: FakeRouter;
const mesh = (...argv: string[]): Promise<Finished> => command.run([...argv, `--run-dir=${router.runDir}`]);
const reportOf = (stdout: string): unknown => JSON.parse(stdout);

beforeAll(async () => {
  command = await buildMeshCommand();
});
afterAll(() => command.remove());
beforeEach(async () => {
  router = await startFakeRouter({
    attach: async ({ container, addresses }) =>
      container === 'gone' ? refuse({ code: 'container-unknown', container }) : ok({ addresses }),
  });
});
afterEach(() => router.close());

describe('names', () => {
  it('are given to containers and addresses, and taken away', async () => {
    for (const words of [
      ['dns-add', 'box1'],
      ['dns-add', '10.0.0.11', 'box1', '-h', 'web'],
      ['dns-add', '192.168.1.9', '-h', 'printer.mesh.internal'],
      ['dns-add', '--network', 'prod', 'box1'],
      ['dns-remove', '192.168.1.9'],
    ]) {
      expect(await mesh(...words)).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    expect(router.calls).toEqual([
      ['name', { container: 'box1', addresses: [], names: [] }],
      ['name', { container: 'box1', addresses: ['10.0.0.11'], names: ['web'] }],
      ['name', { addresses: ['192.168.1.9'], names: ['printer.mesh.internal'] }],
      ['name', { container: 'box1', network: 'prod', addresses: [], names: [] }],
      ['unname', { addresses: ['192.168.1.9'], names: [] }],
    ]);
  });

  it('are looked up, one address a line', async () => {
    expect((await mesh('dns-lookup', 'web')).stdout).toBe('10.0.0.11\n10.0.0.12\n');
    expect(await mesh('dns-lookup', 'nothing')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await mesh('status', 'dns')).stdout).toBe(
      'box1         10.0.0.11       aaaaaaaaaaaa 06:0f:d4:4f:de:19\nprinter      192.168.1.9     -            e2:7e:49:7e:0f:1b\n',
    );
  });

  it('of an address by itself have to be said', async () => {
    expect(await mesh('dns-add', '192.168.1.9')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'mesh: an address by itself takes a name: -h NAME; see "mesh help dns-add"\n',
    });
  });
});

describe('expose and hide', () => {
  it('print addresses without prefix, in one line', async () => {
    expect(await mesh('expose')).toEqual({ status: 0, stdout: '10.32.0.1\n', stderr: '' });
    const words = ['-h', 'gate', '--name', 'door.mesh.internal', '10.0.0.1/24', 'net:10.40.0.0/16'];
    expect((await mesh('expose', '--without-masquerade', ...words)).stdout).toBe('10.0.0.1\n');
    expect((await mesh('hide')).stdout).toBe('10.32.0.1\n');
    expect((await mesh('hide', '10.0.0.1/24', '10.0.1.1/24')).stdout).toBe('10.0.0.1 10.0.1.1\n');
    expect(router.calls).toEqual([
      ['expose', { addresses: [], subnets: [], names: [], masquerade: true }],
      [
        'expose',
        {
          addresses: ['10.0.0.1/24'],
          subnets: ['10.40.0.0/16'],
          names: ['gate', 'door.mesh.internal'],
          masquerade: false,
        },
      ],
      ['hide', {}],
      ['hide', { addresses: ['10.0.0.1/24', '10.0.1.1/24'] }],
    ]);
  });

  it.each([
    [['expose', '10.0.0.1'], 1, '"10.0.0.1" is not an address with a prefix; write it like 10.0.0.11/24'],
    [['expose', 'net:all'], 1, '"all" is not an address with a prefix; write it like 10.0.0.11/24'],
    [['hide', 'web'], 1, '"web" is not an address with a prefix; write it like 10.0.0.11/24'],
    [['hide', 'net:10.40.0.0/16'], 2, 'hide takes addresses; see "mesh help hide"'],
  ])('refuse %s', async (words, status, why) => {
    expect(await mesh(...words)).toEqual({ status, stdout: '', stderr: `mesh: ${why}\n` });
    expect(router.calls).toEqual([]);
  });
});

describe('attach and detach', () => {
  it('print addresses without prefix, in one line', async () => {
    expect(await mesh('attach', '10.0.0.11/24', 'box1')).toEqual({
      status: 0,
      stdout: '10.0.0.11\n',
      stderr: '',
    });
    expect((await mesh('attach', '10.0.0.11/24', '10.0.1.11/24', 'box1')).stdout).toBe(
      '10.0.0.11 10.0.1.11\n',
    );
    expect((await mesh('detach', 'box1')).stdout).toBe('10.0.0.11\n');
    expect((await mesh('detach', '10.0.0.12/24', 'box1', '--json')).stdout).toBe(
      '{\n  "addresses": [\n    "10.0.0.12/24"\n  ]\n}\n',
    );
    expect(router.calls).toEqual([
      ['attach', { container: 'box1', addresses: ['10.0.0.11/24'], subnets: [] }],
      ['attach', { container: 'box1', addresses: ['10.0.0.11/24', '10.0.1.11/24'], subnets: [] }],
      ['detach', { container: 'box1' }],
      ['detach', { container: 'box1', addresses: ['10.0.0.12/24'] }],
    ]);
  });

  it('ask for an address of any subnet', async () => {
    await mesh('attach', 'box1');
    await mesh('attach', 'net:10.40.0.0/16', '10.0.0.11/24', 'net:default', 'box1');
    expect(router.calls).toEqual([
      ['attach', { container: 'box1', addresses: [], subnets: [] }],
      ['attach', { container: 'box1', addresses: ['10.0.0.11/24'], subnets: ['10.40.0.0/16', 'default'] }],
    ]);
  });

  it('name the container, or leave it without a name', async () => {
    await mesh('attach', 'box1', '--name', 'web', '--name', 'www.mesh.internal');
    await mesh('attach', '--without-dns', '10.0.0.11/24', 'box1');
    expect(router.calls).toEqual([
      ['attach', { container: 'box1', addresses: [], subnets: [], names: ['web', 'www.mesh.internal'] }],
      ['attach', { container: 'box1', addresses: ['10.0.0.11/24'], subnets: [], withoutDns: true }],
    ]);
  });

  it('pass on what the router refuses', async () => {
    expect(await mesh('attach', '10.0.0.11/24', 'gone')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'mesh: no container "gone" here; "docker ps" lists those that run\n',
    });
  });

  it.each([
    [
      ['attach', '10.0.0.11', 'box1'],
      1,
      '"10.0.0.11" is not an address with a prefix; write it like 10.0.0.11/24',
    ],
    [
      ['attach', '10.0.0.256/24', 'box1'],
      1,
      '"10.0.0.256/24" is not an address with a prefix; write it like 10.0.0.11/24',
    ],
    [
      ['attach', '10.0.0.1/33', 'box1'],
      1,
      '"10.0.0.1/33" is not an address with a prefix; write it like 10.0.0.11/24',
    ],
    [
      ['attach', 'box1', '10.0.0.1/24'],
      1,
      '"box1" is not an address with a prefix; write it like 10.0.0.11/24',
    ],
    [
      ['attach', 'net:10.40.0.0', 'box1'],
      1,
      '"10.40.0.0" is not an address with a prefix; write it like 10.0.0.11/24',
    ],
    [['attach', '10.0.0.11/24'], 2, 'attach takes a container; see "mesh help attach"'],
    [['attach', 'net:default'], 2, 'attach takes a container; see "mesh help attach"'],
    [['detach', 'net:default', 'box1'], 2, 'detach takes a container; see "mesh help detach"'],
    [['detach', '10.0.0.1/24'], 2, 'detach takes a container; see "mesh help detach"'],
    [['attach'], 2, 'missing required argument \'words\'; see "mesh help"'],
    [['attach', '10.0.0.1/24', ''], 2, 'attach takes a container; see "mesh help attach"'],
    [['frobnicate'], 2, 'unknown command \'frobnicate\'; see "mesh help"'],
    [['launch', '--prot', '1'], 2, 'unknown option \'--prot\' (Did you mean --port?); see "mesh help"'],
    [
      ['launch', '--password-file', '/run/mcl-nowhere'],
      2,
      '--password-file: "/run/mcl-nowhere" is not allowed; it takes a file that can be read (ENOENT)',
    ],
  ])('refuse %j before anything is sent', async (argv, status, line) => {
    expect(await mesh(...argv)).toEqual({ status, stdout: '', stderr: `mesh: ${line}\n` });
    expect(router.calls).toEqual([]);
  });
});

describe('rmpeer', () => {
  it('sends names as given, and prints what becomes of the addresses', async () => {
    expect(await mesh('rmpeer', '--force', 'host2', 'e2:7e:49:7e:0f:1b')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(router.calls).toEqual([['rmpeer', { peers: ['host2', 'e2:7e:49:7e:0f:1b'], force: true }]]);
  });

  it('takes at least one', async () => {
    expect((await mesh('rmpeer')).status).toBe(2);
  });
});

describe('connect and forget', () => {
  it('send peers as given, since the router knows its own port', async () => {
    expect(await mesh('connect', '--replace', 'node1', 'node2:7000')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(await mesh('forget', 'node1')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(router.calls).toEqual([
      ['connect', { peers: ['node1', 'node2:7000'], replace: true }],
      ['forget', { peers: ['node1'] }],
    ]);
  });

  it('refuse what is no peer', async () => {
    const line = 'mesh: "a b" is not a peer; write HOST or HOST:PORT, like 192.168.48.11 or node1:6783\n';
    expect(await mesh('connect', 'a b')).toEqual({ status: 1, stdout: '', stderr: line });
    expect((await mesh('forget', 'a:99999')).stderr).toContain('"99999" is not a port');
    expect(router.calls).toEqual([]);
  });
});

describe('status, report and version', () => {
  it('show views', async () => {
    expect((await mesh('status', 'connections')).stdout.split('\n')[0]).toBe(
      '<- 192.168.48.12:42459   established fastdp e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms',
    );
    expect((await mesh('status', 'targets')).stdout).toBe('192.168.48.13:6783\n');
    expect((await mesh('status', 'peers')).stdout).toMatch(/^06:0f:d4:4f:de:19\(host1\)\n {3}<- /);
    expect((await mesh('status', 'endpoints')).stdout).toContain('10.0.0.11/24');
    expect((await mesh('status', 'ipam')).stdout).toContain('524288 IPs (50.0% of total) (2 active)\n');
    expect((await mesh('status', 'dataplane')).stdout).toBe('peers none\n');
    expect((await mesh('status')).stdout).toContain('Service: router');
  });

  it('give the same as JSON', async () => {
    const report = JSON.parse(JSON.stringify(REPORT));
    expect(reportOf((await mesh('report')).stdout)).toEqual(report);
    expect(reportOf((await mesh('--json', 'status')).stdout)).toEqual({ ...report, dns: DNS });
    expect(reportOf((await mesh('status', 'peers', '--json')).stdout)).toEqual(report.peers);
    expect(reportOf((await mesh('status', 'ipam', '--json')).stdout)).toEqual(report.ipam);
    expect(reportOf((await mesh('status', 'targets', '--json')).stdout)).toEqual(report.targets);
    expect(reportOf((await mesh('version', '--json')).stdout)).toEqual({ command: '0.1.0', router: '0.1.0' });
  });

  it('ps tells of what is attached here, under the name that it was asked by', async () => {
    const line = '0a:01:0a:00:00:0b 10.0.0.11/24';
    expect((await mesh('ps')).stdout).toBe(`aaaaaaaaaaaa ${line}\n`);
    expect((await mesh('ps', 'box1', 'box2', 'aaa', 'gone')).stdout).toBe(`box1 ${line}\naaa ${line}\n`);
    expect(await mesh('ps', 'gone')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(reportOf((await mesh('ps', '--json')).stdout)).toEqual([
      {
        container: 'a'.repeat(64),
        containerName: 'box1',
        mac: '0a:01:0a:00:00:0b',
        addresses: ['10.0.0.11/24'],
      },
    ]);
  });

  it('prime says nothing', async () => {
    expect(await mesh('prime')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(router.calls).toEqual([['prime', {}]]);
  });

  it('ipam repair tells old and new, or that there is nothing; ipam doctor fails where there is something to do', async () => {
    expect(await mesh('ipam', 'repair')).toEqual({
      status: 0,
      stdout: 'nothing to repair: no container of this host has lost an address\n',
      stderr: '',
    });
    const lost = {
      container: 'a',
      network: 'mesh',
      before: '10.32.0.1/12',
      after: undefined,
      problem: undefined,
    };
    const busy = await startFakeRouter({
      repair: async ({ dryRun }) =>
        ok({
          repaired: [
            { ...lost, containerName: 'box1', after: dryRun ? undefined : '10.32.0.9/12' },
            { ...lost, containerName: 'box2', problem: { code: 'space-exhausted', value: '10.32.0.0/12' } },
          ],
        }),
    });
    const why = 'no address in 10.32.0.0/12 is free on any host; free some, or take another subnet';
    const at = (...argv: string[]) => command.run([...argv, `--run-dir=${busy.runDir}`]);
    expect(await at('ipam', 'repair')).toEqual({
      status: 1,
      stdout: `box1: 10.32.0.1/12 -> 10.32.0.9/12\nbox2: 10.32.0.1/12 stays as it is: ${why}\n`,
      stderr: `mesh: ${why}\n`,
    });
    expect((await at('ipam', 'repair', '--dry-run')).stdout).toContain(
      "box1: 10.32.0.1/12 is another's; it would get a new one\n",
    );
    await busy.close();
    const doctor = await mesh('ipam', 'doctor');
    expect([doctor.status, doctor.stderr]).toEqual([
      1,
      'mesh: 1 thing stands in the way; what helps is written beside each\n',
    ]);
    expect(doctor.stdout).toMatch(/^problem {2}conflict {5}10\.0\.0\.12 of network mesh is held by box9/);
    expect(JSON.parse((await mesh('ipam', 'doctor', '--json')).stdout)[0]).toMatchObject({
      check: 'conflict',
    });
    const calm = await startFakeRouter({ report: async () => ok({ ...REPORT, endpoints: [] }) });
    const quiet = await command.run(['ipam', 'doctor', `--run-dir=${calm.runDir}`]);
    expect([quiet.status, quiet.stderr]).toEqual([0, '']);
    await calm.close();
  });

  it('tell the versions of both, or of the command alone', async () => {
    expect((await mesh('version')).stdout).toBe('mesh 0.1.0\nrouter 0.1.0\n');
    expect(await command.run(['version', '--run-dir=/run/mcl-nowhere'])).toEqual({
      status: 0,
      stdout: 'mesh 0.1.0\n',
      stderr: '',
    });
  });
});

describe('without a router', () => {
  const line = 'mesh: no router answers on /run/mcl-nowhere/mesh.sock; start one with "mesh launch"\n';

  it.each([
    [['status']],
    [['status', 'peers']],
    [['report']],
    [['attach', '10.0.0.11/24', 'box1']],
    [['detach', 'box1']],
    [['connect', 'a']],
    [['forget', 'a']],
    [['rmpeer', 'a']],
    [['status', 'dataplane']],
    [['status', 'ipam']],
    [['ps']],
    [['prime']],
    [['ipam', 'doctor']],
    [['ipam', 'repair']],
    [['logs', '--state-dir=/run/mcl-nowhere']],
  ])('%j ends with 7', async argv => {
    const env = { MESH_DOCKER: '' };
    expect(await command.run([...argv, '--run-dir=/run/mcl-nowhere'], { env })).toEqual({
      status: 7,
      stdout: '',
      stderr: line,
    });
  });

  it('the run directory may come from the environment', async () => {
    expect((await command.run(['status'], { env: { MESH_RUN_DIR: '/run/mcl-nowhere' } })).stderr).toBe(line);
  });

  it('stop and reset have nothing to do', async () => {
    const flags = ['--run-dir=/run/mcl-nowhere', '--state-dir=/var/lib/mcl-nowhere'];
    const env = { MESH_DOCKER: '' };
    expect(await command.run(['stop', ...flags], { env })).toEqual({
      status: 0,
      stdout: '',
      stderr: 'mesh: no router is running\n',
    });
    expect(await command.run(['reset', ...flags], { env })).toEqual({
      status: 0,
      stdout: 'nothing to remove\n',
      stderr: '',
    });
  });
});

describe('usage', () => {
  it.each([
    [['stauts']],
    [['status', 'everything']],
    [['status', '--verbose']],
    [['connect']],
    [['launch', '--port']],
    [[]],
  ])('%j ends with 2, and says so on standard error', async argv => {
    const { status, stdout, stderr } = await command.run(argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });

  it('help is no error', async () => {
    for (const argv of [['help'], ['--help'], ['help', 'attach'], ['attach', '--help']]) {
      const { status, stdout, stderr } = await command.run(argv);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain('Usage: mesh');
    }
  });

  it('a socket that may not be opened is told of', async () => {
    const { status, stderr } = await command.run(['status', `--run-dir=${router.runDir}`], {
      unprivileged: true,
    });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `mesh: no permission to open ${router.socket}; run as root\n`,
    });
  });
});
