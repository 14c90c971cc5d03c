import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { ARTEFACTS } from './artefacts.ts';
import { NODE_FLAGS } from './cli/router-process.ts';

/**
 * Makes `dist/`, which runs on its own: cli.cjs, daemon.js (which starts router.js, compiled beforehand in cache/),
 * dns-thread.js and sleeve-thread.js (which router.js runs in threads), and the one dependency that can't be bundled.
 * usage: node build.ts [--force]. Does nothing where what is there was built from the same sources.
 */

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');
/** What goes into the bundles; package-lock.json stands for node_modules. */
const SOURCES = ['artefacts.ts', 'build.ts', 'package.json', 'package-lock.json', 'cli', 'src'];

function filesBelow(path: string): string[] {
  const full = join(ROOT, path);
  if (statSync(full).isFile()) return [path];
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}

/** A short hash of all sources: the same sources give the same build, on any machine. */
function hashSources(): string {
  const hash = createHash('sha256').update(process.version.split('.')[0] ?? '');
  for (const file of SOURCES.flatMap(filesBelow))
    hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}

function builtFrom(): string | undefined {
  const file = join(DIST, 'build.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { build: string }).build : undefined;
}

function common(version: string): BuildOptions {
  return {
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    target: 'node24',
    define: { MESH_VERSION: JSON.stringify(version) },
    legalComments: 'none',
    // Only where the sources run as they are.
    logOverride: { 'empty-import-meta': 'silent' },
    logLevel: 'warning',
  };
}

/**
 * The command line alone. One CommonJS file starts sooner than ES modules in chunks; what is imported lazily is in
 * it, but not run until then.
 */
export async function buildCli(folder: string, version: string): Promise<void> {
  const outfile = join(folder, 'cli.cjs');
  await build({ ...common(version), entryPoints: ['cli/main.ts'], outfile, format: 'cjs', minify: true });
}

/**
 * Node's modules are taken by `require` also where the sources import them. An import reads every property of the
 * module, and some of them load much: those of node:http, all of fetch and HTTP/2, more than the router itself.
 */
const REQUIRED_BUILTINS: Plugin = {
  name: 'required-builtins',
  setup({ onLoad, onResolve }) {
    const names = new Set(builtinModules.flatMap(name => [name, `node:${name}`]));
    onResolve({ filter: /./ }, ({ path, kind }) => {
      if (!names.has(path)) return undefined;
      return kind === 'import-statement' ? { path, namespace: 'builtin' } : { path, external: true };
    });
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }));
  },
};

/**
 * What runs first, and finds the rest compiled already: that saves a third of what loading it costs. By the variable,
 * what was compiled in one folder holds in another; Node before 24.12 doesn't know it, and compiles anew.
 */
const ENTRY = `process.env.NODE_COMPILE_CACHE_PORTABLE = '1';
process.getBuiltinModule('node:module').enableCompileCache(import.meta.dirname + '/cache');
delete process.env.NODE_COMPILE_CACHE_PORTABLE;
await import('./router.js');
`;

/**
 * Lets the router load and do nothing, so that node keeps what it compiled; without it starts are slower, no more. What was
 * compiled under other flags would not do.
 */
function fillCache(folder: string): void {
  const nothing = ['--clean', '--run-dir=/run/mesh-build/none'];
  mkdirSync(join(folder, 'cache'));
  spawnSync(process.execPath, [...NODE_FLAGS, join(folder, 'daemon.js'), ...nothing], { stdio: 'ignore' });
}

/** The router and its threads, whose names are kept for stack traces in the log. `entry` is another one in tests. */
export async function buildDaemon(
  folder: string,
  version: string,
  entry = 'src/daemon/main.ts',
): Promise<void> {
  await build({
    ...common(version),
    entryPoints: {
      router: entry,
      'dns-thread': 'src/daemon/dns-thread.ts',
      'sleeve-thread': 'src/daemon/sleeve-thread.ts',
    },
    outdir: folder,
    format: 'esm',
    // Some of the libraries are CommonJS and require node's modules.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    minifySyntax: true,
    minifyWhitespace: true,
    external: ['koffi'],
    plugins: [REQUIRED_BUILTINS],
  });
  writeFileSync(join(folder, 'daemon.js'), ENTRY);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  copyKoffi(join(folder, 'node_modules'));
}

/** koffi finds its binary beside itself at run time; of those for other platforms and C libraries none is taken. */
function copyKoffi(target: string): void {
  const source = join(ROOT, 'node_modules');
  const native = `@koromix/koffi-linux-${process.arch}`;
  for (const file of ['package.json', 'LICENSE.txt', 'index.cjs', 'index.js', 'src/koffi']) {
    const filter = (path: string) => !/\.(cc|hh|inc|txt|S|asm)$/.test(path) || path.endsWith('LICENSE.txt');
    cpSync(join(source, 'koffi', file), join(target, 'koffi', file), { recursive: true, filter });
  }
  const binary = `linux_${process.arch}`;
  for (const file of ['package.json', 'index.js', binary]) {
    cpSync(join(source, native, file), join(target, native, file), { recursive: true });
  }
}

async function main(force: boolean): Promise<void> {
  const hash = hashSources();
  if (!force && builtFrom() === hash) {
    // `./mesh` goes by the time of this file.
    const now = new Date();
    utimesSync(join(DIST, 'build.json'), now, now);
    return;
  }
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  // Made aside, and put in place only when whole, so that a command that runs meanwhile finds what it needs.
  const fresh = join(DIST, `new.${process.pid}`);
  mkdirSync(fresh, { recursive: true });
  try {
    await buildCli(fresh, version);
    await buildDaemon(fresh, version);
    fillCache(fresh);
    writeFileSync(join(fresh, 'build.json'), `${JSON.stringify({ version, build: hash })}\n`);
    for (const folder of ['node_modules', 'cache'])
      rmSync(join(DIST, folder), { recursive: true, force: true });
    for (const name of ARTEFACTS) renameSync(join(fresh, name), join(DIST, name));
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

if (import.meta.main) {
  // esbuild has said on standard error what it did not like.
  await main(process.argv.includes('--force')).catch((error: Error) => {
    process.stderr.write(`build: ${error.message.split('\n')[0]}\n`);
    process.exitCode = 1;
  });
}
