import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeHeader } from '../../src/adapters/file/codec.ts';
import { dumpHost } from '../support/lab/dump.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** What bad input gets, of whole processes on a host: one line that names the value and the way out, and no trace. */

const DIST = join(import.meta.dirname, '../../dist');
const NODE = `${DIST}/node`;
/** `mesh` by somebody who is not root. */
const AS_NOBODY = `${NODE} --import 'data:text/javascript,process.seteuid(65534)' ${DIST}/cli.cjs`;
const BOX = 'netns:/run/netns/box1';
const NO_ROUTER = 'no router answers on /run/mesh/mesh.sock; start one with "mesh launch"';
const SEE_HELP = '; see "mesh help"';
const DIED = 'the router ended while starting: ';

let lab: Lab;
let one: Host;
let two: Host;

beforeAll(async () => {
  lab = await createLab({ hosts: 2 });
  [one, two] = lab.hosts as [Host, Host];
  for (const name of ['box1', 'box3']) await one.addNamespace(name);
  await two.addNamespace('box2');
  await until(
    async () => !(await type(one, 'ip -6 address')).includes('tentative') || undefined,
    () => 'an address is still tentative',
  );
});
afterAll(() => lab?.destroy());

describe('without a router', () => {
  const VERBS = [
    'status',
    'report',
    'logs',
    `attach 10.0.0.11/24 ${BOX}`,
    `detach ${BOX}`,
    'connect 192.168.48.12',
    'forget 192.168.48.12',
    'env',
    'config',
  ];

  it('each verb says so', async () => {
    const refusals = VERBS.map(verb => ({ command: `mesh ${verb}`, status: 7, says: NO_ROUTER }));
    await expectRefused(one, ...refusals);
  });

  const REFUSED: readonly (readonly [string, number, string | RegExp])[] = [
    ['frobnicate', 2, `unknown command 'frobnicate'${SEE_HELP}`],
    [
      'status everything',
      2,
      /^command-argument value 'everything' is invalid .* peers, connections, .*; see/,
    ],
    ['attach', 2, `missing required argument 'words'${SEE_HELP}`],
    ['attach 10.0.0.11/24', 2, 'attach takes a container; see "mesh help attach"'],
    ['env --restore', 1, 'nothing to restore: "eval $(mesh env)" was not called in this shell'],
    ['launch --prot 6783', 2, `unknown option '--prot' (Did you mean --port?)${SEE_HELP}`],
    ['launch --native --port 70000', 1, '"70000" is not a port; give a number from 1 to 65535'],
    ['launch --native --data-port 0', 1, '"0" is not a port; give a number from 1 to 65535'],
    ['launch --native 192.168.48.12:99999', 1, '"99999" is not a port; give a number from 1 to 65535'],
    ['launch --native 192.168.48', 1, /^"192\.168\.48" is not a peer; write HOST or HOST:PORT/],
    ['launch --native --name e2:7e', 1, /^"e2:7e" is not a peer name; write six hex bytes/],
    ['launch --native --mtu 10', 2, '--mtu: "10" is not allowed; it takes a number from 576 to 65485'],
    ['launch --native --password-file /root/none', 2, /^--password-file: "\/root\/none" .* read \(ENOENT\)$/],
    ['launch --native --password-file /root', 2, /^--password-file: "\/root" .* can be read \(EISDIR\)$/],
    [
      'launch --native --trusted-subnets 10.0.0.0/8',
      2,
      /^--trusted-subnets: "10\.0\.0\.0\/8" is not allowed; it takes nothing without --password/,
    ],
    ['launch --native --trusted-subnets 10.1.2.3/8', 2, /it takes a subnet as it begins: 10\.0\.0\.0\/8/],
    ['launch --native --password secret', 2, /^a password on the command line shows .*; use --password-file/],
    [
      'launch --native --host 192.168.48.99',
      1,
      `${DIED}192.168.48.99 is not an address of this host; "ip address" lists them`,
    ],
  ];

  it('wrong words, options and values', async () => {
    const refusals = REFUSED.map(([verb, status, says]) => ({ command: `mesh ${verb}`, status, says }));
    await expectRefused(one, ...refusals);
  });

  it('a port that another process has', async () => {
    const open =
      "net.createServer().listen(6783); for (const port of [6790, 6800]) dgram.createSocket('udp4').bind(port, () => console.log('open'))";
    const other = await one.spawn([NODE, '-e', open]);
    await until(
      () => other.stdout().split('open').length > 2 || undefined,
      () => 'the ports are not open',
    );
    const says = (port: string) => `${DIED}${port} is in use on this host; free it or choose another`;
    await expectRefused(one, { command: 'mesh launch --native', status: 1, says: says('tcp port 6783') });
    const command = 'mesh launch --native --port 6800 --data-port 6790';
    await expectRefused(one, { command, status: 1, says: says('udp port 6790') });
    const sleeve = 'mesh launch --native --port 6800 --no-fastdp';
    await expectRefused(one, { command: sleeve, status: 1, says: says('udp port 6800') });
    await other.stop('KILL');
  });

  it('no permission', async () => {
    const says = (what: string) => `no permission to ${what}; run as root`;
    const launch = { command: `${AS_NOBODY} launch`, status: 1, says: says('start a router') };
    await expectRefused(one, launch);
    const reset = { command: `${AS_NOBODY} reset`, status: 1, says: says('remove what the router made') };
    await expectRefused(one, reset);
  });
});

describe('a state directory', () => {
  const launch = (stateDir: string, status: number, says: string | RegExp) =>
    expectRefused(one, { command: `mesh --state-dir ${stateDir} launch --native`, status, says });

  it('that can not be written to', async () => {
    await type(one, 'mkdir /opt/state; mount -t tmpfs -o ro tmpfs /opt/state; touch /opt/file');
    const why = 'the file system is read-only; make it writable or pass --state-dir';
    await launch('/opt/state', 1, `can't write to /opt/state/router.log: ${why}`);
    await launch('/opt/state/inner', 1, `can't write to /opt/state/inner: ${why}`);
    await launch('/opt/file', 1, /^can't write to \/opt\/file: .*; make it writable or pass --state-dir$/);
    await launch('/opt/file/inner', 1, /^can't write to \/opt\/file\/inner: a part of the path is a file;/);
    await type(one, 'umount /opt/state');
  });

  it('that is full, now or as soon as the router starts', async () => {
    await type(one, 'mount -t tmpfs -o size=64k tmpfs /opt/state; cat /dev/zero >/opt/state/fill || true');
    await launch('/opt/state', 1, 'no space left in /opt/state/router.log; free some and try again');
    expect(await type(one, 'ls /opt/state')).toBe('fill\n');
    await type(one, 'rm /opt/state/fill');
    await launch('/opt/state', 1, `${DIED}no space left in /opt/state; free some and try again`);
    await type(one, 'umount /opt/state');
  });

  it('that a newer mesh has written', async () => {
    await type(one, 'mkdir /opt/newer');
    await one.succeed(['sh', '-c', 'cat >/opt/newer/1.snapshot'], { input: encodeHeader('snap', 9) });
    await launch(
      '/opt/newer',
      1,
      /\/opt\/newer.* was written by a newer mesh \(format 9, this one knows 1\); upgrade/,
    );
    expect(await type(one, 'ls /opt/newer')).toContain('1.snapshot');
  });

  it('whose keys can not be read', async () => {
    await type(one, 'mesh --state-dir /opt/keys launch --native && mesh stop');
    await type(one, 'echo nonsense > /opt/keys/identity.key');
    await launch('/opt/keys', 1, /identity\.key.*it is no identity key/);
    await type(one, 'rm /opt/keys/identity.key; mkdir /opt/keys/identity.key');
    await launch('/opt/keys', 1, /\/opt\/keys\/identity\.key/);
    await type(one, 'rm -r /opt/keys/identity.key; echo secret > /opt/password; mkdir /opt/keys/password');
    const command = 'mesh --state-dir /opt/keys launch --native --password-file /opt/password';
    await expectRefused(one, { command, status: 1, says: /\/opt\/keys\/password/ });
  });
});

describe('with routers', () => {
  beforeAll(async () => {
    await type(one, 'mesh launch --native');
    await type(two, 'mesh launch --native 192.168.48.11');
    await type(two, 'mesh attach 10.0.0.12/24 netns:/run/netns/box2');
    await type(one, `mesh attach 10.0.0.11/24 ${BOX}`);
    await until(
      async () => (await type(one, 'mesh status endpoints')).includes('10.0.0.12') || undefined,
      () => 'host1 has not heard of 10.0.0.12',
    );
  });

  const malformed = (value: string) =>
    `"${value}" is not an address with a prefix; write it like 10.0.0.11/24`;
  const unusable = (value: string, why: string) => `${value} can't be given to a container: ${why}`;

  const REFUSED: readonly (readonly [string, string | RegExp])[] = [
    ...['10.0.0.300/24', '10.0.0.13', '10.0.0.13/33', '10.0.0.013/24', 'fe80::1/64'].map(
      value => [`attach ${value} ${BOX}`, malformed(value)] as const,
    ),
    [`attach 10.0.0.0/24 ${BOX}`, unusable('10.0.0.0/24', 'it is the network address of 10.0.0.0/24')],
    [
      `attach 10.0.0.255/24 ${BOX}`,
      unusable('10.0.0.255/24', 'it is the broadcast address of 10.0.0.255/24'),
    ],
    [`attach 127.0.0.1/8 ${BOX}`, unusable('127.0.0.1/8', 'it is a loopback address')],
    [`attach 224.0.0.1/24 ${BOX}`, unusable('224.0.0.1/24', 'it is a multicast or reserved address')],
    [
      `attach 10.0.0.13/0 ${BOX}`,
      unusable('10.0.0.13/0', 'a prefix of 0 would draw all traffic of the container'),
    ],
    [
      `attach 10.0.0.11/16 ${BOX}`,
      /^10\.0\.0\.11\/16 can't be given .* 10\.0\.0\.11\/24 too; detach that first$/,
    ],
    [
      `attach 10.0.0.11/24 netns:/run/netns/box3`,
      '10.0.0.11 is held by box1 on this host; take another, or detach it there',
    ],
    [`attach 10.0.0.12/24 ${BOX}`, '10.0.0.12 is held by box2 on host2; take another, or detach it there'],
    ['attach 10.0.0.13/24 netns:/none', '"/none" is not a network namespace: there is no such file'],
    ['attach 10.0.0.13/24 netns:box1', '"box1" is not a network namespace: the path must begin with a slash'],
    [
      'attach 10.0.0.13/24 netns:/etc/passwd',
      '"/etc/passwd" is not a network namespace: it is another kind of file',
    ],
    ['attach 10.0.0.13/24 netns:/proc/1/ns/net', /uses the host's network; start it without --net=host$/],
    [
      'attach 10.0.0.13/24 netns:/run/mesh/switch',
      '"/run/mesh/switch" is not a network namespace: it is the switch of the mesh',
    ],
    ['attach 10.0.0.13/24 box9', /^no Docker engine at \S+ \(.*\); start it, or set DOCKER_HOST$/],
    ['detach netns:/run/netns/box3', '"netns:/run/netns/box3" is not attached; see "mesh status endpoints"'],
    [`detach 10.0.0.13/24 ${BOX}`, `"${BOX}" is not attached with 10.0.0.13/24; see "mesh status endpoints"`],
    ['connect 192.168.48', /^"192\.168\.48" is not a peer; write HOST or HOST:PORT/],
    ['forget a:b', /^"a:b" is not a peer; write HOST or HOST:PORT/],
  ];

  it('wrong addresses, containers and peers', async () => {
    const refusals = REFUSED.map(([verb, says]) => ({ command: `mesh ${verb}`, status: 1, says }));
    await expectRefused(one, ...refusals);
  });

  it('an interface of that name which is not ours', async () => {
    await type(one, 'ip -netns box3 link add ethmesh type veth peer name other');
    await expectRefused(one, {
      command: 'mesh attach 10.0.0.13/24 netns:/run/netns/box3',
      status: 1,
      says: /^"netns:\/run\/netns\/box3" has an interface ethmesh that isn't ours; remove it first$/,
    });
    await type(one, 'ip -netns box3 link delete ethmesh');
  });

  it('attaching twice changes nothing', async () => {
    const before = await dumpHost(one);
    expect(await type(one, `mesh attach 10.0.0.11/24 ${BOX}`)).toBe('10.0.0.11\n');
    expect(await dumpHost(one)).toBe(before);
  });

  it('launching twice', async () => {
    const says = /^a router is running already \(native, process \d+\); "mesh stop" ends it$/;
    await expectRefused(one, { command: 'mesh launch --native', status: 3, says });
    await expectRefused(one, {
      command: 'mesh --run-dir /run/second launch --native --port 7000 --data-port 7001',
      status: 1,
      says: /a router is running already \(process \d+ uses \/var\/lib\/mesh\); "mesh stop" ends it/,
    });
  });

  it('no permission', async () => {
    const says = 'no permission to open /run/mesh/mesh.sock; run as root';
    const verbs = ['status', 'stop', 'report', `attach 10.0.0.13/24 ${BOX}`];
    const refusals = verbs.map(verb => ({ command: `${AS_NOBODY} ${verb}`, status: 1, says }));
    await expectRefused(one, ...refusals);
  });
});

describe('peers that can not be joined', () => {
  /** Host and port, and why. */
  const PEERS = [
    ['192.168.48.12:6799', 'refused the connection; is a router running there, on that port?'],
    ['10.99.1.1:6783', "no route to 10.99.1.1:6783; check the address and this host's routes"],
    ['192.168.48.12:6999', 'did not answer; a firewall may drop the port, or the host is down'],
    [
      'nowhere.invalid:6783',
      'the name in "nowhere.invalid:6783" does not resolve; check it, or give an IP address',
    ],
    ['192.168.48.12:6783', 'could not be joined: wrong password? all routers need the same --password'],
    ['192.168.48.11:6783', "is this router itself; give another host's address"],
  ] as const;

  it('are told apart by launch and status', async () => {
    await type(
      two,
      "nft 'table inet wall { chain in { type filter hook input priority 0; tcp dport 6999 drop; }; }'",
    );
    // Names are asked for where nobody answers at once.
    await type(
      one,
      'mesh reset; ip route add unreachable 10.99.0.0/16; echo nameserver 127.0.0.1 >/etc/resolv.conf',
    );
    const peers = PEERS.map(([peer]) => peer).join(' ');
    const launched = await one.exec([
      'sh',
      '-c',
      `MESH_PASSWORD=other mesh launch --native --wait 12 ${peers}`,
    ]);
    const connections = await type(one, 'mesh status connections');
    for (const [peer, why] of PEERS) {
      const said = launched.stderr.split('\n').filter(line => line.includes(peer) && line.includes(why));
      expect(said, `${peer} in:\n${launched.stderr}`).toHaveLength(1);
      const shown = connections
        .split('\n')
        .filter(line => line.startsWith(`-> ${peer}`) && line.includes(why));
      expect(shown, `${peer} in:\n${connections}`).toHaveLength(1);
    }
    expect(launched.status).toBe(1);
    expect(await type(one, 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n" | grep -cx othe[r] || true')).toBe(
      '0\n',
    );
  });
});
