import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../cli/router-process.ts';
import { makeContent, makeWholeRoot } from './rootfs.ts';

/**
 * Builds the router's image out of `dist/` and this machine's own files; needs no registry.
 * usage: node images/build.ts [--tag TAG] [--base IMAGE]. Without a base the image holds the router and the C library that it
 * needs, and nothing else. A base has to bring a C library (glibc) and `nft`.
 */

const DIST = join(import.meta.dirname, '..', 'dist');
const ENTRYPOINT = ['/opt/mesh/bin/node', ...NODE_FLAGS, '/opt/mesh/daemon.js'];
const PATH = '/opt/mesh/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function fail(message: string): never {
  process.stderr.write(`mesh: ${message}\n`);
  process.exit(1);
}

/** Without the colours that `docker build` puts into it. */
function lastLine(text: string): string {
  return stripVTControlCharacters(text).trim().split('\n').at(-1) ?? '';
}

function run(program: string, argv: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, argv, { encoding: 'utf8', input });
  if (status !== 0) fail(`${program} ${argv[0]} failed: ${error?.message ?? lastLine(stderr)}`);
  return stdout.trim();
}

/** Packs the same files to the same bytes: sorted, owned by root, without times. */
const pack = (root: string, archive: string): string =>
  run('tar', [
    '--create',
    `--file=${archive}`,
    `--directory=${root}`,
    '--sort=name',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--mtime=@0',
    '.',
  ]);

interface Plan {
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly work: string;
}

function instructions({ labels }: Plan): string[] {
  const environment = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  return [
    `ENTRYPOINT ${JSON.stringify(ENTRYPOINT)}`,
    // The router tells by the second how it runs: /.dockerenv may be there for another reason.
    `ENV PATH=${PATH} MESH_HOW=container ${environment.join(' ')}`,
    ...Object.entries(labels).map(([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`),
  ];
}

function importWhole(plan: Plan): void {
  const root = join(plan.work, 'root');
  makeWholeRoot(root, DIST);
  const archive = join(plan.work, 'root.tar');
  pack(root, archive);
  run('docker', ['import', ...instructions(plan).map(line => `--change=${line}`), archive, plan.tag]);
}

function buildOnBase(plan: Plan, base: string): void {
  const root = join(plan.work, 'root');
  makeContent(root, DIST);
  // Run while building: a base that lacks something is told of here and not at the first launch.
  const checks = ['RUN ["node", "--version"]', 'RUN ["nft", "--version"]'];
  const file = [`FROM ${base}`, 'COPY root/ /', ...instructions(plan), ...checks].join('\n');
  run('docker', ['build', '--quiet', `--tag=${plan.tag}`, '--file=-', plan.work], file);
}

function main(): void {
  const { values } = parseArgs({ options: { tag: { type: 'string' }, base: { type: 'string' } } });
  const stamp = join(DIST, 'build.json');
  if (!existsSync(stamp)) fail('there is no dist; run "npm run build" first');
  const { version, build } = JSON.parse(readFileSync(stamp, 'utf8')) as { version: string; build: string };
  const work = mkdtempSync(join(tmpdir(), 'mesh-image-'));
  process.once('exit', () => rmSync(work, { recursive: true, force: true }));
  const tag = values.tag ?? `mesh:${version}`;
  const labels = {
    'mesh.build': build,
    'org.opencontainers.image.title': 'mesh',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  };
  const plan = { tag, labels, work };
  if (values.base === undefined) importWhole(plan);
  else buildOnBase(plan, values.base);
  const size = Number(run('docker', ['image', 'inspect', '--format', '{{.Size}}', tag]));
  process.stdout.write(`${tag} ${Math.round(size / 1e6)} MB\n`);
}

main();
