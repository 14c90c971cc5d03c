import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '../../../src/api/control/client.ts';
import { controlSocket } from '../../../src/api/control/settings.ts';
import { buildMeshCommand, type Finished, type MeshCommand } from '../../support/mesh-command.ts';

/**
 * `launch --native`, `stop`, `reset` and `logs` as whole processes, with a router that only answers. Needs root.
 * `--force`, since this machine may have any routes.
 */

const REFUSED =
  '192.168.48.13:6783 did not answer; a firewall may drop the port, or the host is down; trying on';

let command: MeshCommand;
let directory: string;
let runDir: string;
let stateDir: string;

const places = (): string[] => [`--run-dir=${runDir}`, `--state-dir=${stateDir}`];
const mesh = (argv: string[], env: Record<string, string> = {}): Promise<Finished> =>
  command.run([...argv, ...places()], { env: { MESH_DOCKER: '', ...env } });
const launch = (...argv: string[]): Promise<Finished> => mesh(['launch', '--native', '--force', ...argv]);
const log = (): string => readFileSync(join(stateDir, 'router.log'), 'utf8');

beforeAll(async () => {
  command = await buildMeshCommand();
});
afterAll(() => command.remove());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mcl-'));
  runDir = join(directory, 'run');
  stateDir = join(directory, 'state');
});
afterEach(async () => {
  await ask(controlSocket(runDir), 'stop');
  rmSync(directory, { recursive: true });
});

describe('launch', () => {
  it('returns when the router answers, and says what became of each peer', async () => {
    const { status, stdout, stderr } = await launch('192.168.48.12', '192.168.48.13');
    expect({ status, stderr }).toEqual({ status: 0, stderr: `mesh: ${REFUSED}\n` });
    expect(stdout.replace(/process \d+/, 'process N').split('\n')).toEqual([
      'router 06:0f:d4:4f:de:19(host1) runs (process N), port 6783',
      'trying 192.168.48.12:6783, 192.168.48.13:6783',
      'connected to 192.168.48.12:6783, e2:7e:49:7e:0f:1b(host2)',
      '',
    ]);
    expect((await mesh(['status', 'targets'])).stdout).toBe('192.168.48.12:6783\n192.168.48.13:6783\n');
  });

  it('gives JSON', async () => {
    const { stdout } = await launch('192.168.48.12', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      how: 'native',
      port: 6783,
      peers: [{ address: '192.168.48.12:6783', peer: { nickname: 'host2' } }],
    });
  });

  it('is done once', async () => {
    expect((await launch()).status).toBe(0);
    const { status, stderr } = await launch();
    expect({ status, stderr: stderr.replace(/process \d+/, 'process N') }).toEqual({
      status: 3,
      stderr: 'mesh: a router is running already (native, process N); "mesh stop" ends it\n',
    });
  });

  it('waits for one of the peers where that is asked for', async () => {
    expect((await launch('192.168.48.12', '192.168.48.13', '--wait', '5')).status).toBe(0);
    await mesh(['stop']);
    const { status, stderr } = await launch('192.168.48.13', '--wait=1');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `mesh: ${REFUSED}\nmesh: 192.168.48.13:6783 could not be joined: no connection within 1 s; the router goes on trying\n`,
    });
    expect((await mesh(['status'])).status).toBe(0);
  });

  it('tells why the router died, and leaves none behind', async () => {
    expect(await launch('--nickname=dies')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'mesh: the router ended while starting: tcp port 6783 is in use on this host; free it or choose another\n',
    });
    expect((await mesh(['status'])).status).toBe(7);
    expect(existsSync(stateDir)).toBe(false);
  });

  it('starts the router in / with settings as arguments and nothing of ours in its environment', async () => {
    await mesh(['launch', '--native', '--force', '--no-discovery', 'a'], {
      MESH_PORT: '7000',
      MESH_DOCKER: '',
    });
    const argv = [
      '--port=7000',
      '--no-discovery',
      `--state-dir=${stateDir}`,
      `--run-dir=${runDir}`,
      '--docker=',
      `--log-file=${join(stateDir, 'router.log')}`,
      '--launch-id=ID',
      'a:7000',
    ];
    const said = log().replace(/launch-id=[0-9a-f]{16}/, 'launch-id=ID');
    expect(said).toMatch(/^\S+ info {2}launch: starting\n/);
    expect(said.split('\n')[1]).toBe(`started with ${JSON.stringify(argv)} in / knowing []`);
  });

  it('keeps a password from its environment in a file that only root reads', async () => {
    await mesh(['launch', '--native', '--force'], { MESH_PASSWORD: 'secret' });
    const file = join(stateDir, 'password');
    expect(readFileSync(file, 'utf8')).toBe('secret');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(stateDir).mode & 0o777).toBe(0o700);
    expect(log()).toContain(`"--password-file=${file}"`);
    expect(log()).not.toContain('secret');
  });

  it('takes a password from a file, without its line feed', async () => {
    const file = join(directory, 'given');
    writeFileSync(file, 'secret\n');
    await launch('--password-file', file);
    expect(readFileSync(join(stateDir, 'password'), 'utf8')).toBe('secret');
  });

  it.each([
    [['--password', 'secret'], 2, 'a password on the command line shows in process lists'],
    [['--password=secret'], 2, 'a password on the command line shows in process lists'],
    [['--password'], 2, 'there is no terminal to ask for the password'],
    [['--password-file=/proc/mcl-nothing'], 2, 'it takes a file that can be read (ENOENT)'],
    [['--wait', '192.168.48.12'], 2, '--wait: "192.168.48.12" is not allowed; it takes a number of seconds'],
    [['--port=70000'], 1, '"70000" is not a port; give a number from 1 to 65535'],
    [['--name=box'], 1, '"box" is not a peer name; write six hex bytes, like e2:7e:49:7e:0f:1b'],
    [['a b'], 1, '"a b" is not a peer'],
    [['--trusted-subnets=10.0.0.0/8'], 2, '"10.0.0.0/8" is not allowed; it takes nothing without --password'],
    [['--resume', 'a'], 2, '--resume: "a:6783" is not allowed; it takes no peers beside it'],
  ])('refuses %j and leaves no trace', async (argv, status, line) => {
    const finished = await launch(...argv);
    expect(finished).toMatchObject({ status, stdout: '' });
    expect(finished.stderr).toMatch(/^mesh: [^\n]*\n$/);
    expect(finished.stderr).toContain(line);
    expect(finished.stderr).not.toContain('secret');
    expect(existsSync(stateDir)).toBe(false);
  });

  it('is for root', async () => {
    const finished = await command.run(['launch', '--native', ...places()], { unprivileged: true });
    expect(finished).toEqual({
      status: 1,
      stdout: '',
      stderr: 'mesh: no permission to start a router; run as root\n',
    });
  });

  it('says where it can not keep its state', async () => {
    writeFileSync(stateDir, '');
    expect(await launch()).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(`can't write to ${stateDir}: `),
    });
  });

  it('says why it is native where no engine answers', async () => {
    const finished = await mesh(['launch', '--force'], { MESH_DOCKER: 'unix:///run/mcl-nowhere.sock' });
    expect(finished.status).toBe(0);
    expect(finished.stderr).toMatch(/^mesh: starting the router as a process of this host: no Docker engine/);
  });
});

describe('stop', () => {
  it('ends the router, and may be repeated', async () => {
    await launch();
    expect(await mesh(['stop'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await mesh(['status'])).status).toBe(7);
    expect(await mesh(['stop'])).toEqual({ status: 0, stdout: '', stderr: 'mesh: no router is running\n' });
    expect((await launch()).status).toBe(0);
  });
});

describe('reset', () => {
  it('lists what it detached and removed, and may be repeated', async () => {
    await launch();
    expect(await mesh(['reset'])).toEqual({
      status: 0,
      stdout: `detached 10.0.0.11/24 from box1\nremoved switch\nremoved ${stateDir}\nremoved ${runDir}\n`,
      stderr: '',
    });
    expect([existsSync(stateDir), existsSync(runDir)]).toEqual([false, false]);
    expect(await mesh(['reset'])).toEqual({ status: 0, stdout: 'nothing to remove\n', stderr: '' });
  });

  it('ends a router that does not want to, after 10 s', async () => {
    await launch('--nickname=hangs');
    const { status, stdout, stderr } = await mesh(['reset']);
    expect({ status, stdout: stdout.split('\n')[0] }).toEqual({ status: 0, stdout: 'removed switch' });
    expect(stderr.split('\n')).toEqual([
      `mesh: no space left in ${stateDir}; free some and try again; it is ended all the same`,
      'mesh: the router has not ended within 10 s and is killed',
      '',
    ]);
  });

  it('works without a router', async () => {
    await launch();
    await mesh(['stop']);
    const { status, stdout } = await mesh(['reset', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ detached: [], removed: ['switch', stateDir, runDir] });
  });
});
