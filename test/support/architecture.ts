import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A source file: its path from the root of the repository, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** A path from the root of the repository, or the name of a package. */
  readonly target: string;
  readonly isPackage: boolean;
  readonly isType: boolean;
}

interface Layer {
  readonly name: string;
  readonly sees: readonly string[];
  readonly packages: boolean;
  /** What the layer is for: the reason that a violation is one. */
  readonly reason: string;
}

const LAYERS: readonly Layer[] = [
  {
    name: 'src/core',
    sees: [],
    packages: false,
    reason: 'the core is pure, so that it can be simulated: hand in what it needs, or return an effect',
  },
  {
    name: 'src/ports',
    sees: ['src/core'],
    packages: false,
    reason: 'ports are interfaces only: say it in terms of the core, and leave the package to an adapter',
  },
  {
    name: 'src/adapters',
    sees: ['src/ports', 'src/core'],
    packages: true,
    reason: 'an adapter implements one port and knows nobody: let the daemon join it to others',
  },
  {
    name: 'src/api',
    sees: ['src/ports', 'src/core'],
    packages: true,
    reason: 'the api offers what ports give and decides nothing: take what you need as an argument',
  },
  {
    name: 'src/daemon',
    sees: ['src/api', 'src/adapters', 'src/ports', 'src/core'],
    packages: true,
    reason:
      'the daemon joins everything inside the router: what it shares with the command line belongs into src/api',
  },
  {
    name: 'cli',
    sees: ['src/api', 'src/core/errors.ts', 'src/core/address.ts'],
    packages: true,
    reason:
      'the command line asks a router by its api; from the core it has the words (errors, addresses) and types',
  },
];

const DOMAINS = ['topology', 'networks', 'ipam', 'endpoints'];

/** What makes two runs differ, or time pass, inside the core. */
const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\b|\bperformance\b/, 'a clock: take `now` from the step'],
  [/\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b/, 'randomness: take it from the seed in the config'],
  [
    /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
    'a timer: plan it in the agenda, and a tick will come',
  ],
  [/\bawait\b|\basync\b|\bPromise\b/, 'asynchrony: return an effect, and its outcome comes as an input'],
  [/\bprocess\b|\bglobalThis\b|\bconsole\b|\bfetch\b/, 'the outside world: return an effect'],
];

const LINES_MAX = 400;

/** The sources of the product itself, from the working tree. */
export function productSources(): readonly SourceFile[] {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return ['src', 'cli'].flatMap(folder =>
    readdirSync(posix.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.ts'))
      .map(path => posix.join(folder, path))
      .map(path => ({ path, text: readFileSync(posix.join(root, path), 'utf8') })),
  );
}

/** Everything that goes against the architecture, one sentence each: where, why, and the way out. */
export function violations(files: readonly SourceFile[]): readonly string[] {
  return [...files.flatMap(violationsOf), ...cycles(files)];
}

function violationsOf({ path, text }: SourceFile): readonly string[] {
  const found: string[] = [];
  const code = withoutComments(text);
  for (const one of importsOf(path, code)) {
    const reason = forbidden(path, one);
    if (reason !== undefined) found.push(`${path} imports ${one.target}: ${reason}`);
  }
  if (path.startsWith('src/core/')) {
    for (const [pattern, reason] of IMPURE) {
      const match = pattern.exec(withoutStrings(code));
      if (match !== null) found.push(`${path} uses ${match[0]}: the core has no ${reason}`);
    }
  }
  const lines = text.trimEnd().split('\n').length;
  if (lines > LINES_MAX)
    found.push(`${path} has ${lines} lines, more than ${LINES_MAX}: it has two purposes; split it`);
  if (posix.basename(path) === 'index.ts' || /^export (\*|\{[^}]*\})[^;]*\bfrom\b/m.test(code)) {
    found.push(
      `${path} re-exports: barrels hide who needs what and make cycles; import from the file itself`,
    );
  }
  if (/^export default\b/m.test(code))
    found.push(`${path} has a default export: give it a name, so that it can be searched for`);
  return found;
}

/** Why a file may not import this, if it may not. */
function forbidden(path: string, { target, isPackage, isType }: Import): string | undefined {
  const layer = LAYERS.find(({ name }) => isWithin(path, name));
  if (layer === undefined) return undefined;
  if (isPackage) return layer.packages ? undefined : layer.reason;
  if (isWithin(target, layer.name)) return besides(path, target);
  if (layer.sees.some(name => isWithin(target, name))) return undefined;
  return layer.name === 'cli' && isType && isWithin(target, 'src/core') ? undefined : layer.reason;
}

/** Why a file may not import this from its own layer, if it may not. */
function besides(path: string, target: string): string | undefined {
  const adapter = path.split('/')[2];
  if (isWithin(path, 'src/adapters') && adapter !== target.split('/')[2]) {
    return 'adapters do not know one another: let the daemon hand one what the other gives';
  }
  const [own, other] = [path, target].map(file =>
    DOMAINS.find(domain => isWithin(file, `src/core/${domain}`)),
  );
  if (own !== undefined && other !== undefined && own !== other) {
    return 'a domain does not know another: look across them in a view of src/core itself, like forwarding.ts';
  }
  return undefined;
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

function importsOf(path: string, code: string): readonly Import[] {
  const statements =
    /^\s*(?:import|export)\s+(type\s+)?(?:[\w$*\s{},]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...code.matchAll(statements)].map(([, type, fixed, dynamic]) => {
    const specifier = fixed ?? dynamic ?? '';
    const isPackage = !specifier.startsWith('.');
    const target = isPackage ? specifier : posix.join(posix.dirname(path), specifier);
    return { target, isPackage, isType: type !== undefined };
  });
}

/** Files that need one another when they are loaded. Types need nothing. */
function cycles(files: readonly SourceFile[]): readonly string[] {
  const needs = new Map(
    files.map(({ path, text }) => {
      const targets = importsOf(path, withoutComments(text)).filter(one => !one.isType && !one.isPackage);
      return [path, targets.map(one => one.target)] as const;
    }),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) {
      found.push(
        `${[...way.slice(start), path].join(' -> ')}: a cycle; move what both need into a file of its own`,
      );
      return;
    }
    if (done.has(path)) return;
    for (const target of needs.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of needs.keys()) visit(path, []);
  return found;
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '$1');
const withoutStrings = (code: string): string =>
  code.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
