import { hostname } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPTIONS } from '../../../src/api/control/options.ts';
import { parsePeer, parsePeers, parsePort } from '../../../src/api/control/peer.ts';
import { formatSettings, parseSettings } from '../../../src/api/control/settings.ts';
import { MESH } from '../../../src/api/profile.ts';
import { exitStatus, ok, refuse } from '../../../src/core/errors.ts';

const ID = `12D3KooW${'A'.repeat(44)}`;
const OTHER = `12D3KooW${'B'.repeat(44)}`;

/** The settings, or a failed test. */
function settings(argv: readonly string[], env: Record<string, string> = {}) {
  const parsed = parseSettings(argv, env);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  return parsed.value;
}

describe('peers', () => {
  it.each([
    ['192.168.48.11', '192.168.48.11:6783'],
    ['192.168.48.11:7000', '192.168.48.11:7000'],
    ['Node1.Example', 'node1.example:6783'],
    ['node_1:1', 'node_1:1'],
  ])('brings %s to HOST:PORT', (text, peer) => {
    expect(parsePeer(text, 6783)).toEqual(ok(peer));
  });

  it.each([
    '',
    ':6783',
    '300.1.1.1',
    '1.2.3',
    'a b',
    '-a',
    'a..b',
    'http://a',
    '::1',
    'a:',
    'a:1x',
    'é',
    'x'.repeat(64),
  ])('refuses %j', text => {
    expect(parsePeer(text, 6783)).toEqual(refuse({ code: 'bad-peer', value: text }));
  });

  it.each(['', '0', '65536', '-1', '6783x', '1e3', ' 1', '123456', '::1'])('refuses port %j', text => {
    expect(parsePort(text)).toEqual(refuse({ code: 'bad-port', value: text }));
  });

  it('names each once', () => {
    expect(parsePeers(['a', 'A:1', 'b'], 1)).toEqual(ok(['a:1', 'b:1']));
  });
});

describe('settings', () => {
  it('have defaults', () => {
    expect(settings([])).toEqual({
      profile: MESH,
      httpAddresses: [],
      statusAddresses: [],
      peers: [],
      port: 6783,
      dataPort: 6784,
      fastdp: true,
      host: undefined,
      advertise: undefined,
      dataAddress: undefined,
      name: undefined,
      nickname: hostname(),
      discovery: true,
      resume: false,
      passwordFile: undefined,
      trust: [],
      trustedSubnets: [],
      stateDir: '/var/lib/mesh',
      runDir: '/run/mesh',
      docker: 'unix:///var/run/docker.sock',
      plugin: true,
      logLevel: 'info',
      logFile: undefined,
      launchId: '',
      mtu: undefined,
      ipamRange: { address: '10.32.0.0', prefix: 12 },
      ipamSubnet: undefined,
      ipamInit: { kind: 'consensus', electorate: undefined },
      ipamTimeout: 10,
      ipamQuarantine: 600,
      dnsDomain: 'mesh.internal',
      dnsTtl: 1,
      dns: true,
      dnsListen: undefined,
      resolvConf: '/etc/resolv.conf',
      proxy: true,
      proxyListen: [],
      ipamDefault: true,
      proxyDns: true,
      proxyHosts: true,
      multicastRoute: true,
      hostnameLabel: undefined,
      hostnameMatch: '(.*)',
      hostnameReplacement: '$1',
      rewriteInspect: false,
      tlsVerify: false,
      tlsCaCert: undefined,
      tlsCert: undefined,
      tlsKey: undefined,
      insecure: false,
    });
    for (const option of Object.values(OPTIONS)) expect(option.reason).not.toBe('');
  });

  it('come from flags, then from the environment', () => {
    const env = {
      MESH_PORT: '7000',
      MESH_NICKNAME: 'there',
      MESH_NO_DISCOVERY: '1',
      DOCKER_HOST: 'tcp://h:2375',
    };
    const given = settings(['--port', '7001', 'a', '--trust', ID, 'b:1', `--trust=${OTHER}`], env);
    expect(given).toMatchObject({
      port: 7001,
      nickname: 'there',
      discovery: false,
      docker: 'tcp://h:2375',
      peers: ['a:7001', 'b:1'],
      trust: [ID, OTHER],
    });
  });

  it('take a variable that is empty for one that is not set, but for MESH_DOCKER', () => {
    expect(settings([], { MESH_PORT: '', DOCKER_HOST: '' })).toEqual(settings([]));
    expect(settings([], { MESH_DOCKER: '', DOCKER_HOST: 'tcp://h:1' }).docker).toBe('');
  });

  it('name the engine behind the proxy where "mesh env" is in force', () => {
    const env = { DOCKER_HOST: 'unix:///run/mesh/docker.sock' };
    expect(settings([], { ...env, ORIG_DOCKER_HOST: 'tcp://h:1' }).docker).toBe('tcp://h:1');
    expect(settings([], { ...env, ORIG_DOCKER_HOST: '' })).toEqual(settings([]));
  });

  it('say where the proxy listens, and who may ask there', () => {
    const files = ['--tlscacert=/c', '--tlscert=/d', '--tlskey=/e'];
    const given = settings([
      '--proxy-listen',
      'tcp://0.0.0.0:1,/a',
      '--proxy-listen=unix:///b',
      '--tlsverify',
      ...files,
    ]);
    expect(given.proxyListen).toEqual([
      { kind: 'tcp', host: '0.0.0.0', port: 1 },
      { kind: 'unix', path: '/a' },
      { kind: 'unix', path: '/b' },
    ]);
    expect(settings(formatSettings(given))).toEqual(given);
    for (const argv of [
      ['--proxy-listen=tcp://0.0.0.0:1'],
      ['--tlsverify', '--tlscert=/d'],
      ['--proxy-listen=:1'],
    ])
      expect(parseSettings(argv, {})).toMatchObject({ ok: false, problem: { code: 'bad-setting' } });
    expect(parseSettings(['--proxy-listen=tcp://0.0.0.0:1', '--insecure'], {}).ok).toBe(true);
  });

  it('say how names are answered', () => {
    const given = settings([
      '--dns-domain',
      'Prod.Example.',
      '--dns-ttl=0',
      '--no-dns',
      '--dns-listen-address',
      '172.17.0.1',
    ]);
    expect(given).toMatchObject({ dnsDomain: 'prod.example', dnsTtl: 0, dns: false });
    expect(given.dnsListen).toEqual({ address: '172.17.0.1', port: 53 });
    expect(settings(['--dns-listen-address', '127.0.0.1:5353']).dnsListen).toEqual({
      address: '127.0.0.1',
      port: 5353,
    });
  });

  it('give out no addresses where the range is empty', () => {
    expect(settings(['--ipalloc-range=']).ipamRange).toBeUndefined();
    expect(settings([], { MESH_IPALLOC_RANGE: '' }).ipamRange).toBeUndefined();
    expect(formatSettings(settings(['--ipalloc-range=']))).toEqual(['--ipalloc-range=']);
  });

  it.each([
    ['consensus', { kind: 'consensus', electorate: undefined }],
    ['consensus=3', { kind: 'consensus', electorate: 3 }],
    ['observer', { kind: 'observer' }],
    [
      'seed=02:00:00:00:00:02,02:00:00:00:00:0A,02:00:00:00:00:02',
      { kind: 'seed', names: ['02:00:00:00:00:02', '02:00:00:00:00:0a'] },
    ],
  ])('divide the range by %s', (text, init) => {
    const given = settings([`--ipalloc-init=${text}`]);
    expect(given.ipamInit).toEqual(init);
    expect(settings(formatSettings(given))).toEqual(given);
  });

  it.each([
    ['range=10.32.0.0', '10.32.0.0', 'a range, like 10.32.0.0/12'],
    ['range=10.32.0.1/12', '10.32.0.1/12', 'a range without bits after the prefix: 10.32.0.0/12'],
    ['range=10.32.0.0/30', '10.32.0.0/30', 'a range with a prefix from /8 to /29, like 10.32.0.0/12'],
    ['range=10.32.0.0/31', '10.32.0.0/31', 'a range with a prefix from /8 to /29, like 10.32.0.0/12'],
    ['range=10.32.0.0/32', '10.32.0.0/32', 'a range with a prefix from /8 to /29, like 10.32.0.0/12'],
    ['range=0.0.0.0/0', '0.0.0.0/0', 'a range with a prefix from /8 to /29, like 10.32.0.0/12'],
    ['range=224.0.0.0/8', '224.0.0.0/8', 'a range that containers can have addresses of, like 10.32.0.0/12'],
    ['range=127.0.0.0/8', '127.0.0.0/8', 'a range that containers can have addresses of, like 10.32.0.0/12'],
    ['default-subnet=', '', 'a range, like 10.40.0.0/16'],
    [
      'default-subnet=10.40.0.0/31',
      '10.40.0.0/31',
      'a range with a prefix from /8 to /30, like 10.40.0.0/16',
    ],
    ['default-subnet=10.40.0.1/24', '10.40.0.1/24', 'a range without bits after the prefix: 10.40.0.0/24'],
    [
      'default-subnet=10.48.0.0/16',
      '10.48.0.0/16',
      'a part of 10.32.0.0/12, which is what the mesh gives out',
    ],
    ['default-subnet=10.0.0.0/8', '10.0.0.0/8', 'a part of 10.32.0.0/12, which is what the mesh gives out'],
    ['init=majority', 'majority', 'consensus, consensus=N, seed=NAME,..., or observer'],
    ['init=', '', 'consensus, consensus=N, seed=NAME,..., or observer'],
    ['init=observer=1', 'observer=1', 'consensus, consensus=N, seed=NAME,..., or observer'],
    ['init=consensus=0', 'consensus=0', 'consensus=N with the number of hosts, 1 to 10000'],
    ['init=consensus=', 'consensus=', 'consensus=N with the number of hosts, 1 to 10000'],
    ['timeout=0', '0', 'a number of seconds from 1 to 3600'],
    ['timeout=1h', '1h', 'a number of seconds from 1 to 3600'],
    ['quarantine=-1', '-1', 'a number of seconds from 0 to 86400'],
  ])('refuse --ipalloc-%s', (argument, value, allowed) => {
    const name = `--ipalloc-${argument.split('=')[0]}`;
    const parsed = parseSettings([`--ipalloc-${argument}`], {});
    expect(parsed).toEqual(refuse({ code: 'bad-setting', name, value, allowed }));
    if (!parsed.ok) expect(exitStatus(parsed.problem)).toBe(2);
  });

  it('refuse a default subnet of no range, and a seed that is no name', () => {
    const allowed = 'nothing where --ipalloc-range is empty';
    expect(parseSettings(['--ipalloc-range=', '--ipalloc-default-subnet=10.40.0.0/16'], {})).toMatchObject({
      problem: { name: '--ipalloc-default-subnet', value: '10.40.0.0/16', allowed },
    });
    for (const value of ['', 'host1', '::1'])
      expect(parseSettings([`--ipalloc-init=seed=02:00:00:00:00:01,${value}`], {})).toEqual(
        refuse({ code: 'bad-peer-name', value }),
      );
  });

  it('advertise the own port where none is named', () => {
    expect(settings(['--advertise=host1', '--port=7000']).advertise).toBe('host1:7000');
  });

  it.each([
    [['--port=0'], { code: 'bad-port', value: '0' }, 1],
    [['--data-port', 'x'], { code: 'bad-port', value: 'x' }, 1],
    [['300.1.1.1'], { code: 'bad-peer', value: '300.1.1.1' }, 1],
    [['a:b:c'], { code: 'bad-peer', value: 'a:b:c' }, 1],
    [['a:0'], { code: 'bad-port', value: '0' }, 1],
    [['--advertise=a b'], { code: 'bad-peer', value: 'a b' }, 1],
    [['--name=host1'], { code: 'bad-peer-name', value: 'host1' }, 1],
    [['--verbose'], { code: 'unknown-option', option: '--verbose' }, 2],
    [['-x'], { code: 'unknown-option', option: '-x' }, 2],
    [['--host=localhost'], { code: 'bad-setting', name: '--host', value: 'localhost' }, 2],
    [['--port'], { code: 'bad-setting', name: '--port', value: '' }, 2],
    [['--port', '--resume'], { code: 'bad-setting', name: '--port', value: '--resume' }, 2],
    [['--resume=perhaps'], { code: 'bad-setting', name: '--resume', value: 'perhaps' }, 2],
    [['--resume', 'a'], { code: 'bad-setting', name: '--resume', value: 'a:6783' }, 2],
    [['--state-dir=here'], { code: 'bad-setting', name: '--state-dir', value: 'here' }, 2],
    [['--state-dir=/'], { code: 'bad-setting', name: '--state-dir', value: '/' }, 2],
    [['--run-dir=/run'], { code: 'bad-setting', name: '--run-dir', value: '/run' }, 2],
    [['--run-dir=/run/../etc'], { code: 'bad-setting', name: '--run-dir', value: '/run/../etc' }, 2],
    [['--docker=ssh://host'], { code: 'bad-setting', name: '--docker', value: 'ssh://host' }, 2],
    [['--log-level=loud'], { code: 'bad-setting', name: '--log-level', value: 'loud' }, 2],
    [['--mtu=100'], { code: 'bad-setting', name: '--mtu', value: '100' }, 2],
    [['--nickname=a b'], { code: 'bad-setting', name: '--nickname', value: 'a b' }, 2],
    [['--trusted-subnets=10.0.0.0/8,x'], { code: 'bad-setting', name: '--trusted-subnets', value: 'x' }, 2],
    [
      ['--trusted-subnets=192.168.48.11/24'],
      {
        code: 'bad-setting',
        name: '--trusted-subnets',
        value: '192.168.48.11/24',
        allowed: 'a subnet as it begins: 192.168.48.0/24 is the one that this address is in',
      },
      2,
    ],
    [
      [`--trusted-subnets=${Array(33).fill('10.0.0.0/8')}`],
      { code: 'bad-setting', name: '--trusted-subnets', value: '33 subnets' },
      2,
    ],
    [[`--trust=${ID},x`], { code: 'bad-setting', name: '--trust', value: 'x' }, 2],
    [['--password-file=x'], { code: 'bad-setting', name: '--password-file', value: 'x' }, 2],
  ] as const)('refuse %j', (argv, problem, status) => {
    const parsed = parseSettings(argv, {});
    expect(parsed).toMatchObject({ ok: false, problem });
    if (!parsed.ok) expect(exitStatus(parsed.problem)).toBe(status);
  });

  it('name the variable that is wrong', () => {
    expect(parseSettings([], { MESH_MTU: 'x' })).toMatchObject({ problem: { name: 'MESH_MTU', value: 'x' } });
  });

  it('survive being passed on as arguments', () => {
    const argv = [
      ...['--port=1', '--data-port=2', '--host=1.2.3.4', '--advertise=h:5', '--data-addr=1.2.3.5'],
      ...[
        '--name=02:00:00:00:00:01',
        '--nickname=n',
        '--no-discovery',
        '--password-file=/p',
        `--trust=${ID},${OTHER}`,
        '--trusted-subnets=10.0.0.0/8,192.168.48.0/24',
      ],
      ...['--state-dir=/s/t/', '--run-dir=/r/u', '--docker=', '--log-level=debug', '--mtu=1400', 'a', 'b:9'],
      ...['--ipalloc-range=10.0.0.0/16', '--ipalloc-default-subnet=10.0.8.0/24', '--ipalloc-timeout=5'],
      ...['--ipalloc-init=consensus=5', '--ipalloc-quarantine=0'],
    ];
    const given = settings(argv);
    expect(settings(formatSettings(given))).toEqual(given);
    expect(formatSettings(settings(['--resume']))).toEqual(['--resume']);
    expect(formatSettings(settings([]))).toEqual([]);
  });

  it('never throw, whatever they are given, and pass on all that they take', () => {
    const flags = Object.values(OPTIONS).map(option => `--${option.flag}`);
    const word = fc.oneof(
      fc.constantFrom(...flags, '--', '-', '--no-port', '10.0.0.1', 'a:1', ID),
      fc.string(),
      fc
        .tuple(fc.constantFrom(...flags), fc.oneof(fc.string(), fc.nat().map(String)))
        .map(pair => pair.join('=')),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), argv => {
        const parsed = parseSettings(argv, {});
        if (parsed.ok) expect(parseSettings(formatSettings(parsed.value), {})).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});
