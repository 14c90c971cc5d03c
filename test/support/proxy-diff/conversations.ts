import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from './client.ts';

/** What clients of an engine say to it, of all kinds; the engine is left as it was found. */
export async function converse(client: Client): Promise<void> {
  await questions(client);
  for (const [index, [about, body]] of CONTAINERS.entries()) await life(client, `box${index}`, about, body);
  await wholeLife(client);
  await streams(client);
  await files(client);
  await networksAndVolumes(client);
  await oddities(client);
}

const VERSIONS = ['', '/v1.24', '/v1.30', '/v1.38', '/v1.41'];
const QUESTIONS: readonly (readonly [string, string])[] = [
  ['GET', '/_ping'],
  ['HEAD', '/_ping'],
  ['GET', '/version'],
  ['GET', '/info'],
  ['GET', '/images/json'],
  ['GET', '/images/busybox/json'],
  ['GET', '/images/busybox/history'],
  ['GET', '/containers/json?all=1'],
  ['GET', '/networks?filters=%7B%22driver%22%3A%5B%22bridge%22%5D%7D'],
  ['GET', '/networks/none'],
  ['GET', '/volumes'],
  ['GET', '/containers/nobody/json'],
  ['POST', '/containers/nobody/start'],
  ['POST', '/containers/nobody/restart?t=0'],
  ['DELETE', '/containers/nobody'],
  ['DELETE', '/networks/nothing'],
  ['GET', '/nonsense'],
];

async function questions(client: Client): Promise<void> {
  for (const version of VERSIONS)
    for (const [method, path] of QUESTIONS) await client.ask(method, version + path);
  await client.ask('GET', '/v1.99/info');
  await client.ask('GET', '/v1.1/info');
  await client.ask('GET', '/v1.41/swarm');
  await client.ask('GET', '/v1.41/plugins');
}

const SLEEP = ['sleep', '600'];
/**
 * Shapes of containers; each is made, looked at, run and removed. With what the host does for them, as all command lines have it:
 * without it, an engine would leave fields unset until the start.
 */
const CONTAINERS: readonly (readonly [string, object])[] = [
  ['plain', { Cmd: SLEEP }],
  ['terminal', { Cmd: ['sh'], Tty: true, OpenStdin: true }],
  ['limits', { Cmd: SLEEP, HostConfig: { Memory: 67108864, PidsLimit: 50, CpuShares: 128 } }],
  [
    'port',
    {
      Cmd: SLEEP,
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8081' }] } },
    },
  ],
  [
    'labels',
    { Cmd: SLEEP, Labels: { a: '1', b: '<&>' }, Env: ['A=1', 'B= 2'], WorkingDir: '/tmp', User: '1000' },
  ],
  ['volume', { Cmd: SLEEP, HostConfig: { Binds: ['/tmp:/host:ro'], Tmpfs: { '/scratch': '' } } }],
  [
    'host name',
    {
      Cmd: SLEEP,
      Hostname: 'own',
      Domainname: 'example.org',
      HostConfig: { ExtraHosts: ['other:10.0.0.9'] },
    },
  ],
  ['left alone', { Cmd: SLEEP, Env: ['MESH_CIDR=none'] }],
  ['host network', { Cmd: SLEEP, HostConfig: { NetworkMode: 'host' } }],
  ['no network', { Cmd: SLEEP, HostConfig: { NetworkMode: 'none' } }],
];

async function life(client: Client, name: string, about: string, body: object): Promise<void> {
  const call = (method: string, path: string, more?: object): Promise<unknown> =>
    client.ask(method, `/v1.41/containers/${path}`, {
      title: `${about}: ${method} ${path}`,
      ...(more && { body: more }),
    });
  await call('POST', `create?name=${name}`, { Image: 'busybox', HostConfig: {}, ...body });
  await call('GET', `${name}/json`);
  await call('POST', `${name}/start`);
  await call('POST', `${name}/start`);
  await call('GET', `${name}/json?size=1`);
  await call('GET', `json?filters=${encodeURIComponent(JSON.stringify({ name: [name] }))}`);
  await call('GET', `${name}/top`);
  await call('POST', `${name}/kill`);
  await call('POST', `${name}/wait`);
  await call('DELETE', `${name}?v=1`);
}

/** All else that is done to one container. */
async function wholeLife(client: Client): Promise<void> {
  const at = '/v1.41/containers/whole';
  const body = { Image: 'busybox', Cmd: ['sh', '-c', 'echo out; sleep 0.5; echo err >&2; exec sleep 600'] };
  await client.ask('POST', '/v1.41/containers/create?name=whole', { body });
  await client.ask('POST', '/v1.41/containers/create?name=whole', { body, title: 'a name that is taken' });
  for (const [method, path] of [
    ['POST', '/start'],
    // Takes two seconds: the container has said by then what it says.
    ['GET', '/stats?stream=0'],
    ['GET', '/logs?stdout=1&stderr=1'],
    ['GET', '/changes'],
    ['POST', '/pause'],
    ['POST', '/unpause'],
    ['POST', '/rename?name=whole2'],
    ['GET', '/json'],
  ] as const)
    await client.ask(method, at + path);
  await client.ask('POST', '/v1.41/containers/whole2/rename?name=whole');
  await client.ask('POST', `${at}/update`, { body: { Memory: 67108864, MemorySwap: -1 } });
  await client.ask('POST', `${at}/resize?h=10&w=20`);
  await client.ask('POST', `${at}/stop?t=0`);
  await client.ask('POST', `${at}/stop?t=0`, { title: 'one that has stopped' });
  await client.ask('POST', `${at}/start`, { title: 'again' });
  await client.ask('POST', `${at}/restart?t=0`);
  await client.ask('GET', `${at}/json`, { title: 'after a restart: /json' });
  await client.ask('POST', `/v1.41/commit?container=whole&repo=kept`, { body: {} });
  await client.ask('DELETE', '/v1.41/images/kept');
  await client.ask('DELETE', at, { title: 'one that runs' });
  await client.ask('DELETE', `${at}?force=1`);
  await client.ask('POST', '/v1.41/containers/prune');
}

const post = (path: string, headers: readonly string[], body = ''): string =>
  [`POST ${path} HTTP/1.1`, 'Host: docker', ...headers, `Content-Length: ${body.length}`, '', body].join(
    '\r\n',
  );
const UPGRADE = ['Connection: Upgrade', 'Upgrade: tcp', 'Content-Type: application/json'];

/** Connections that become something else, or go on until somebody ends them. */
async function streams(client: Client): Promise<void> {
  const at = '/v1.41/containers/streams';
  const body = { Image: 'busybox', Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true };
  for (const [about, headers] of [
    ['attach with an upgrade', UPGRADE],
    ['attach as of old', ['Content-Type: text/plain']],
  ] as const) {
    await client.ask('POST', '/v1.41/containers/create?name=streams', { body, title: `${about}: create` });
    const input = Buffer.from('in\n\u0000\n');
    const attached = client.say(about, post(`${at}/attach?stream=1&stdin=1&stdout=1`, headers), { input });
    await client.ask('POST', `${at}/start`, { title: `${about}: start` });
    await attached;
    await client.ask('POST', `${at}/wait`, { title: `${about}: wait` });
    await client.ask('DELETE', at, { title: `${about}: rm` });
  }
  await client.ask('POST', '/v1.41/containers/create?name=streams', {
    body: { Image: 'busybox', Cmd: ['sleep', '600'] },
  });
  await client.ask('POST', `${at}/start`);
  await run(client, ['cat', '/etc/hosts'], 'exec: hosts');
  await run(client, ['cat', '/etc/resolv.conf'], 'exec: resolver');
  await run(client, ['hostname'], 'exec: host name');
  await run(client, ['sh', '-c', 'echo out; sleep 0.5; echo err >&2; exit 3'], 'exec: exit 3');
  await run(client, ['cat'], 'exec: input', Buffer.from('some\nlines\n'));
  await run(client, ['md5sum'], 'exec: much input', Buffer.alloc(3_000_000, 7));
  await run(client, ['nothing'], 'exec: no program');
  await client.say('logs that are followed', `GET ${at}/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n`, {
    until: '\r\n\r\n',
  });
  const since = '/v1.41/events?since=1&until=2';
  await client.ask('GET', since);
  const filters = encodeURIComponent('{"type":["container"]}');
  const events = client.say('events', `GET /v1.41/events?filters=${filters} HTTP/1.1\r\nHost: d\r\n\r\n`, {
    until: '"status":"unpause"',
  });
  await new Promise(resolve => setTimeout(resolve, 300));
  await client.ask('POST', `${at}/pause`);
  await client.ask('POST', `${at}/unpause`);
  await events;
  await client.ask('DELETE', `${at}?force=1`);
  await client.say(
    'a session of BuildKit',
    post('/v1.41/session', [
      'Connection: Upgrade',
      'Upgrade: h2c',
      'X-Docker-Expose-Session-Uuid: x',
      'X-Docker-Expose-Session-Name: x',
    ]),
    { until: '\r\n\r\n' },
  );
}

async function run(client: Client, Cmd: readonly string[], title: string, input?: Buffer): Promise<void> {
  const body = { Cmd, AttachStdout: true, AttachStderr: true, AttachStdin: input !== undefined };
  const made = await client.ask('POST', '/v1.41/containers/streams/exec', {
    body,
    title: `${title}: create`,
  });
  const { Id } = made as { Id: string };
  const start = post(`/v1.41/exec/${Id}/start`, UPGRADE, JSON.stringify({ Detach: false, Tty: false }));
  await client.say(title, start, input === undefined ? {} : { input });
  await client.ask('GET', `/v1.41/exec/${Id}/json`, { title: `${title}: inspect` });
}

/** Archives in, and out. */
async function files(client: Client): Promise<void> {
  const at = '/v1.41/containers/files';
  const archive = tar({ Dockerfile: 'FROM busybox\nRUN echo made >/made\n', greeting: 'hello\n' });
  const typed = { 'Content-Type': 'application/x-tar' };
  await client.ask('POST', '/v1.41/containers/create?name=files', { body: { Image: 'busybox' } });
  await client.ask('PUT', `${at}/archive?path=/tmp`, { body: archive, headers: typed });
  await client.ask('PUT', `${at}/archive?path=/tmp`, {
    body: archive,
    headers: typed,
    chunked: true,
    title: 'in chunks',
  });
  await client.ask('PUT', `${at}/archive?path=/tmp`, {
    body: archive,
    headers: { ...typed, Expect: '100-continue' },
    title: 'with leave',
  });
  await client.ask('PUT', `${at}/archive?path=/nowhere`, { body: archive, headers: typed });
  await client.ask('HEAD', `${at}/archive?path=/tmp/greeting`);
  await client.ask('GET', `${at}/archive?path=/tmp/greeting`);
  await client.ask('GET', `${at}/archive?path=/nowhere`);
  await client.ask('GET', `${at}/export`);
  await client.ask('DELETE', at);
  await client.ask('POST', '/v1.41/build?t=built&rm=1&forcerm=1&nocache=1', {
    body: archive,
    headers: typed,
    chunked: true,
  });
  await client.ask('POST', '/v1.41/build?t=broken', {
    body: tar({ Dockerfile: 'NONSENSE\n' }),
    headers: typed,
  });
  await client.ask('POST', '/v1.41/images/built/tag?repo=other&tag=1');
  await client.ask('GET', '/v1.41/images/built/get');
  await client.ask('DELETE', '/v1.41/images/other:1');
  await client.ask('DELETE', '/v1.41/images/built');
  await client.ask('POST', '/v1.41/images/create?fromSrc=-&repo=imported', { body: archive, headers: typed });
  await client.ask('DELETE', '/v1.41/images/imported');
  await client.ask('DELETE', '/v1.41/images/nothing');
}

function tar(content: Readonly<Record<string, string>>): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'mpx-'));
  for (const [name, text] of Object.entries(content)) writeFileSync(join(folder, name), text);
  const sorted = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-C', folder, '-c'];
  const { stdout } = spawnSync('tar', [...sorted, ...Object.keys(content)]);
  rmSync(folder, { recursive: true });
  return stdout;
}

/** None of the mesh's: those of the engine's own drivers. */
async function networksAndVolumes(client: Client): Promise<void> {
  const body = {
    Name: 'own',
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { a: '1' },
    IPAM: { Config: [{ Subnet: '172.30.0.0/24' }] },
  };
  await client.ask('POST', '/v1.41/networks/create', { body });
  await client.ask('POST', '/v1.41/networks/create', { body, title: 'a network that is there' });
  await client.ask('POST', '/v1.41/networks/create', { body: { Name: 'odd', Driver: 'nothing' } });
  await client.ask('GET', '/v1.41/networks/own');
  await client.ask('POST', '/v1.41/containers/create?name=member', {
    body: { Image: 'busybox', Cmd: SLEEP, HostConfig: { NetworkMode: 'own' } },
  });
  await client.ask('POST', '/v1.41/containers/member/start');
  await client.ask('GET', '/v1.41/containers/member/json');
  await client.ask('DELETE', '/v1.41/networks/own', { title: 'a network in use' });
  await client.ask('POST', '/v1.41/networks/bridge/connect', {
    body: { Container: 'member', EndpointConfig: { Aliases: null } },
  });
  await client.ask('POST', '/v1.41/networks/own/connect', {
    body: { Container: 'member' },
    title: 'a network that it is on',
  });
  await client.ask('POST', '/v1.41/networks/own/connect', { body: { Container: 'nobody' } });
  await client.ask('POST', '/v1.41/networks/bridge/disconnect', {
    body: { Container: 'member', Force: false },
  });
  await client.ask('DELETE', '/v1.41/containers/member?force=1');
  await client.ask('DELETE', '/v1.41/networks/own');
  await client.ask('DELETE', '/v1.41/networks/bridge');
  await client.ask('POST', '/v1.41/volumes/create', { body: { Name: 'kept', Labels: { a: '1' } } });
  await client.ask('GET', '/v1.41/volumes/kept');
  await client.ask('DELETE', '/v1.41/volumes/kept');
  await client.ask('DELETE', '/v1.41/volumes/kept', { title: 'a volume that is gone' });
  await client.ask('GET', '/v1.41/system/df');
}

/** What is wrong, old, or written as few do. */
async function oddities(client: Client): Promise<void> {
  const create = '/v1.41/containers/create';
  const typed = { 'Content-Type': 'application/json' };
  for (const [title, body] of [
    ['no JSON', '{"Image":'],
    ['no object', '"busybox"'],
    ['nothing', ''],
    ['a number', '{"Image":"busybox","HostConfig":{"Memory":"much"}}'],
    ['no image', '{"Cmd":["true"]}'],
    ['an image that is not there', '{"Image":"nothing"}'],
    ['an address that is none', '{"Image":"busybox","HostConfig":{"NetworkMode":"container:nobody"}}'],
    ['too little memory', '{"Image":"busybox","HostConfig":{"Memory":1}}'],
  ] as const)
    await client.ask('POST', create, { title, body, headers: typed });
  await client.ask('POST', create, { title: 'no type', body: Buffer.from('{"Image":"busybox"}') });
  await client.ask('POST', `${create}?name=a%20b`, { body: { Image: 'busybox' } });
  await client.ask('POST', '/v1.41/networks/create', {
    title: 'network: no JSON',
    body: '{',
    headers: typed,
  });
  await client.ask('POST', '/v1.41/networks/own/connect', {
    title: 'connect: no JSON',
    body: '{',
    headers: typed,
  });
  await client.ask('PATCH', '/v1.41/containers/json');
  await client.ask('GET', '//v1.41//containers/json');
  await client.ask('GET', '/v1.41/containers/json?limit=x');
  await client.ask('GET', `/v1.41/containers/${'x'.repeat(3_000)}/json`);
  await client.ask('OPTIONS', '/v1.41/containers/json');
  await client.say('HTTP/1.0', 'GET /_ping HTTP/1.0\r\n\r\n');
  await client.say('the last of a connection', 'GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n');
  await client.say(
    'two at once',
    'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /v1.41/volumes HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n',
  );
  await client.say(
    'a whole address',
    'GET http://docker/_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n',
  );
  await client.say('no host', 'GET /_ping HTTP/1.1\r\nConnection: close\r\n\r\n');
  await client.ask('POST', '/v1.41/containers/prune', { title: 'what was made all the same' });
}
