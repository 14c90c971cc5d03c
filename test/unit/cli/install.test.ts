import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildMeshCommand, type Finished, type MeshCommand } from '../../support/mesh-command.ts';

/** `mesh install` and `uninstall` on a file system that is only written to. */

const LINK = 'usr/local/bin/mesh';
const UNIT = 'etc/systemd/system/mesh.service';
const WANTED = 'etc/systemd/system/multi-user.target.wants/mesh.service';
const COMPLETION = 'etc/bash_completion.d/mesh';

describe('install', () => {
  let command: MeshCommand;
  let root: string;

  beforeAll(async () => {
    command = await buildMeshCommand();
  });
  afterAll(() => command.remove());
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mesh-root-'));
    put('lib/systemd/systemd', '');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const install = (...argv: string[]): Promise<Finished> =>
    command.run(['install', `--root=${root}`, ...argv], { env: { DOCKER_HOST: '' } });
  const uninstall = (): Promise<Finished> => command.run(['uninstall', `--root=${root}`], { env: {} });
  const files = (): string[] =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
      .sort();

  it('puts a link, a unit that Docker waits for, and completion there', async () => {
    const { status, stdout, stderr } = await install('192.168.48.12', '--nickname=a b%', '--port=7000');
    expect([status, stderr]).toEqual([2, expect.stringContaining('--nickname')]);
    expect(stdout).toBe('');
    const done = await install('192.168.48.12', '--port=7000');
    expect([done.status, done.stderr]).toEqual([0, '']);
    expect(readlinkSync(join(root, LINK))).toMatch(/\/mesh$/);
    expect(readlinkSync(join(root, WANTED))).toBe('/etc/systemd/system/mesh.service');
    const unit = read(UNIT);
    for (const line of [
      'Before=docker.service',
      'Type=exec',
      'Restart=on-failure',
      'WantedBy=multi-user.target',
    ])
      expect(unit.split('\n')).toContain(line);
    expect(unit).toMatch(
      /^ExecStart=\/\S+ .*daemon\.js --port=7000 .*--launch-id=unit 192\.168\.48\.12:7000$/m,
    );
    expect(unit).toMatch(/^ExecStartPost=.*\/run\/docker\/plugins\/mesh\.sock/m);
    expect(unit).toMatch(/^ExecStopPost=.*EXIT_CODE.*rm -f \/run\/docker\/plugins\/mesh\.sock'$/m);
  });

  it('completes verbs', async () => {
    await install();
    const script = `. ${join(root, COMPLETION)}; COMP_WORDS=(mesh st); COMP_CWORD=1; _mesh; echo "\${COMPREPLY[*]}"`;
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stdout).toBe('status stop\n');
  });

  it('may be repeated, with other settings, and taken back', async () => {
    await install();
    expect((await install('--port=7001')).status).toBe(0);
    expect(read(UNIT)).toContain('--port=7001');
    expect((await uninstall()).stdout.trim().split('\n')).toEqual([`/${LINK}`, `/${UNIT}`, `/${COMPLETION}`]);
    expect(files()).toEqual(['lib/systemd/systemd']);
    expect(await uninstall()).toMatchObject({ status: 0, stdout: 'nothing was installed\n' });
  });

  it('refuses in words where there is no systemd, and writes nothing', async () => {
    rmSync(join(root, 'lib'), { recursive: true });
    const { status, stderr } = await install();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^mesh: there is no systemd .*"mesh launch --native"/);
    expect(files()).toEqual([]);
  });

  it('is for root, and writes nothing for others', async () => {
    for (const verb of ['install', 'uninstall']) {
      const { status, stderr } = await command.run([verb, `--root=${root}`], { env: {}, unprivileged: true });
      expect([verb, status, stderr]).toEqual([verb, 1, expect.stringMatching(/^mesh: .*root/)]);
    }
    expect(files()).toEqual(['lib/systemd/systemd']);
  });

  it('keeps no password in a unit, which all can read', async () => {
    const { status, stderr } = await command.run(['install', `--root=${root}`], {
      env: { MESH_PASSWORD: 'secret' },
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining('--password-file FILE')]);
    expect(files()).toEqual(['lib/systemd/systemd']);
    expect((await install('--password-file=/etc/mesh.password')).status).toBe(0);
    expect(read(UNIT)).toContain('--password-file=/etc/mesh.password');
  });

  it('leaves what is not its own', async () => {
    put(LINK, 'another program');
    expect((await install()).stderr).toMatch(/usr\/local\/bin\/mesh is not ours/);
    expect((await uninstall()).status).toBe(0);
    expect(read(LINK)).toBe('another program');
    rmSync(join(root, LINK));
    put(UNIT, '[Unit]\n');
    expect((await install()).stderr).toMatch(/mesh\.service is not ours/);
    await uninstall();
    expect(files()).toEqual([UNIT, 'lib/systemd/systemd']);
    expect(existsSync(join(root, LINK))).toBe(false);
  });
});
