import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ARTEFACTS } from '../artefacts.ts';

/** Where the router lies in an image. */
const HOME = '/opt/mesh';
const MOUNT_POINTS = ['proc', 'sys', 'dev', 'etc', 'run', 'tmp', 'var/lib', 'root'];
/** What the C library loads by itself, to turn names into addresses; built into newer ones. */
const NAME_SERVICES = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];
const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];

/** The router and its Node, for a base that brings the rest. */
export function makeContent(root: string, dist: string): void {
  const home = join(root, HOME);
  mkdirSync(join(home, 'bin'), { recursive: true });
  for (const name of ARTEFACTS) {
    cpSync(join(dist, name), join(home, name), { recursive: true });
  }
  cpSync(realpathSync(process.execPath), join(home, 'bin', 'node'));
}

/** A whole root: the router, `nft`, and the libraries of both, all from this machine. */
export function makeWholeRoot(root: string, dist: string): void {
  makeContent(root, dist);
  const nft = findProgram('nft');
  cpSync(realpathSync(nft), join(root, HOME, 'bin', 'nft'));
  const koffi = join(
    dist,
    'node_modules',
    '@koromix',
    `koffi-linux-${process.arch}`,
    `linux_${process.arch}`,
    'koffi.node',
  );
  const libraries = new Set([process.execPath, nft, koffi].flatMap(librariesOf));
  for (const library of libraries) copyLibrary(root, library);
  const folder = dirname([...libraries].find(path => basename(path) === 'libc.so.6') ?? '/lib/libc.so.6');
  for (const name of NAME_SERVICES) {
    const path = join(folder, name);
    if (existsSync(path) && !libraries.has(path)) copyLibrary(root, path);
  }
  for (const path of MOUNT_POINTS) mkdirSync(join(root, path), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  // Docker names namespaces as /var/run/docker/netns/...
  symlinkSync('../run', join(root, 'var', 'run'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/sbin/nologin\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

function findProgram(name: string): string {
  const path = SYSTEM_FOLDERS.map(folder => join(folder, name)).find(candidate => existsSync(candidate));
  if (path === undefined) throw new Error(`there is no ${name} on this machine to put into the image`);
  return path;
}

/** The shared libraries of a program, the loader among them, by the paths under which they are looked for. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)]
    .map(match => match[1] ?? '')
    .filter(path => path !== '');
}

/** Under the path that the loader looks for; what the links on the way lead to is taken, not the links. */
function copyLibrary(root: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  cpSync(realpathSync(path), join(root, path));
}
