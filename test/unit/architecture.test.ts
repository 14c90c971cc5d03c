import { describe, expect, it } from 'vitest';
import { productSources, type SourceFile, violations } from '../support/architecture.ts';

const file = (path: string, ...lines: string[]): SourceFile => ({ path, text: `${lines.join('\n')}\n` });

describe('the product', () => {
  it('is found', () => {
    const layers = new Set(
      productSources().map(({ path }) =>
        path
          .split('/')
          .slice(0, path.startsWith('cli') ? 1 : 2)
          .join('/'),
      ),
    );
    expect([...layers].sort()).toEqual([
      'cli',
      'src/adapters',
      'src/api',
      'src/core',
      'src/daemon',
      'src/ports',
    ]);
  });

  it('keeps to its architecture', () => {
    expect(violations(productSources())).toEqual([]);
  });
});

describe('is noticed', () => {
  it.each<[string, SourceFile, RegExp]>([
    [
      'a module of node in the core',
      file('src/core/a.ts', "import { join } from 'node:path';"),
      /core is pure/,
    ],
    ['a package in the core', file('src/core/a.ts', "import ipaddr from 'ipaddr.js';"), /core is pure/],
    [
      'a port seen by the core',
      file('src/core/x/a.ts', "import type { Clock } from '../../ports/clock.ts';"),
      /core is pure/,
    ],
    [
      'a package in a port',
      file('src/ports/a.ts', "import type { Libp2p } from 'libp2p';"),
      /interfaces only/,
    ],
    [
      'an import over several lines',
      file('src/ports/a.ts', 'import {', '  a,', '  b,', "} from '../api/b.ts';"),
      /interfaces only/,
    ],
    ['an import for its effect', file('src/core/a.ts', "import '../daemon/main.ts';"), /core is pure/],
    [
      'an import while running',
      file('src/adapters/file/a.ts', "const a = import('../../daemon/main.ts');"),
      /knows nobody/,
    ],
    [
      'an adapter that sees another',
      file('src/adapters/linux/a.ts', "import { b } from '../docker/b.ts';"),
      /one another/,
    ],
    [
      'an adapter that sees the api',
      file('src/adapters/linux/a.ts', "import { b } from '../../api/b.ts';"),
      /knows nobody/,
    ],
    [
      'the api seeing an adapter',
      file('src/api/a.ts', "import { b } from '../adapters/file/b.ts';"),
      /decides nothing/,
    ],
    [
      'the daemon seeing the command line',
      file('src/daemon/a.ts', "import { b } from '../../cli/b.ts';"),
      /belongs into src\/api/,
    ],
    [
      'the command line seeing the daemon',
      file('cli/a.ts', "import { b } from '../src/daemon/b.ts';"),
      /asks a router/,
    ],
    [
      'the command line using the core',
      file('cli/a.ts', "import { createHost } from '../src/core/host.ts';"),
      /asks a router/,
    ],
    [
      'a domain that sees another',
      file('src/core/networks/a.ts', "import { b } from '../endpoints/b.ts';"),
      /look across/,
    ],
    [
      'a clock in the core',
      file('src/core/a.ts', 'export const now = () => Date.now();'),
      /uses Date: .* take `now`/,
    ],
    [
      'randomness in the core',
      file('src/core/a.ts', 'export const a = Math.random();'),
      /uses Math\.random: .* seed/,
    ],
    ['a timer in the core', file('src/core/a.ts', 'setTimeout(() => {}, 5);'), /uses setTimeout: .* agenda/],
    ['await in the core', file('src/core/a.ts', 'export const a = await b;'), /uses await: .* effect/],
    ['output in the core', file('src/core/a.ts', "console.log('x');"), /uses console/],
    [
      'a file that grew',
      file(
        'src/daemon/a.ts',
        ...Array<string>(401)
          .fill('')
          .map((_, line) => `export const a${line} = ${line};`),
      ),
      /401 lines.*split/,
    ],
    ['a barrel by name', file('src/api/index.ts', 'export const a = 1;'), /barrels/],
    ['a barrel by content', file('src/api/a.ts', "export { b } from './b.ts';"), /barrels/],
    ['a barrel of everything', file('src/api/a.ts', "export * from './b.ts';"), /barrels/],
    ['a default export', file('cli/a.ts', 'export default 5;'), /default export/],
  ])('%s', (_, planted, reason) => {
    const found = violations([planted]);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(reason);
    expect(found[0]).toContain(planted.path);
  });

  it('a cycle, by its whole way', () => {
    const found = violations([
      file('src/core/a.ts', "import { b } from './b.ts';"),
      file('src/core/b.ts', "import { c } from './c.ts';"),
      file('src/core/c.ts', "import { a } from './a.ts';"),
    ]);
    expect(found).toEqual([
      expect.stringMatching(
        /^src\/core\/a\.ts -> src\/core\/b\.ts -> src\/core\/c\.ts -> src\/core\/a\.ts: /,
      ),
    ]);
  });
});

describe('is allowed', () => {
  it.each<[string, SourceFile]>([
    [
      'the command line knowing types of the core',
      file('cli/a.ts', "import type { Report } from '../src/core/report.ts';"),
    ],
    [
      'the command line using words of the core',
      file('cli/a.ts', "import { describe } from '../src/core/errors.ts';"),
    ],
    ['parts of one adapter', file('src/adapters/linux/rtnetlink/a.ts', "import { b } from '../libc.ts';")],
    ['views across domains', file('src/core/forwarding.ts', "import { b } from './endpoints/b.ts';")],
    [
      'words in comments and strings',
      file('src/core/a.ts', '/** No await, no Date. */', "export const a = 'process'; // setTimeout"),
    ],
    ['an export that looks like an import', file('src/core/a.ts', "export const from = 'node:path';")],
    ['types that need one another', file('src/core/a.ts', "import type { A } from './a.ts';")],
  ])('%s', (_, planted) => {
    expect(violations([planted])).toEqual([]);
  });
});
