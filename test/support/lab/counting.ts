import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildDaemon } from '../../../build.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../../cli/router-process.ts';
import type { Counts } from '../counting-router.ts';
import { until } from '../until.ts';
import type { Host } from './host.ts';
import type { Program } from './program.ts';

const checkout = join(import.meta.dirname, '../../..');

export interface CountingRouter {
  /** All since the last time. */
  counts(): Promise<Counts>;
}

/** Routers of the same sources as the real one, which count. */
export interface CountingRouters {
  start(host: Host, peers: readonly string[]): Promise<CountingRouter>;
  remove(): void;
}

export async function buildCountingRouters(): Promise<CountingRouters> {
  const folder = mkdtempSync(join(checkout, 'dist', 'counting-'));
  await buildDaemon(folder, '0.1.0', 'test/support/counting-router.ts');
  return {
    async start(host, peers) {
      const environment = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
      const node = [join(checkout, 'dist/node'), ...NODE_FLAGS, join(folder, 'daemon.js')];
      return countingRouter(await host.spawn(['env', ...environment, ...node, ...peers]));
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function countingRouter(program: Program): CountingRouter {
  let read = 0;
  return {
    async counts() {
      await program.signal('USR2');
      const line = await until(
        () => program.stdout().split('\n').slice(0, -1)[read],
        () => `no counts; it said: ${program.stdout()}`,
      );
      read += 1;
      return JSON.parse(line) as Counts;
    },
  };
}
