import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildDaemon } from '../../../build.ts';
import { until } from '../until.ts';
import type { Host } from './host.ts';
import type { Program } from './program.ts';

const checkout = join(import.meta.dirname, '../../..');

/** Where a router dies: after the Nth of what it does. */
export interface Fault {
  readonly kind: 'effect' | 'netlink';
  readonly number: number;
  /** Counts from the start of the router, else from `arm`. */
  readonly fromStart?: boolean;
}

export interface FaultyRouter {
  /** From now on what it does counts. */
  arm(): Promise<void>;
  /** After what it was killed by its fault; undefined where it was not (yet). */
  killedAfter(): string | undefined;
  /** Kills it now, if it lives. */
  kill(): Promise<void>;
  readonly ended: Promise<unknown>;
}

/** Routers of the same sources as the real one, with a fault. */
export interface FaultyRouters {
  start(host: Host, peers: readonly string[], fault: Fault): Promise<FaultyRouter>;
  remove(): void;
}

export async function buildFaultyRouters(): Promise<FaultyRouters> {
  const folder = mkdtempSync(join(checkout, 'dist', 'faulty-'));
  await buildDaemon(folder, '0.1.0', 'test/support/faulty-router.ts');
  return {
    async start(host, peers, { kind, number, fromStart }) {
      const from = fromStart ? 'start' : 'signal';
      const program = await host.spawn([
        ...['env', `MESH_FAULT=${kind} ${number}`, `MESH_FAULT_FROM=${from}`],
        ...[join(checkout, 'dist/node'), join(folder, 'daemon.js'), ...peers],
      ]);
      if (!fromStart) await answering(host, program);
      return faultyRouter(program);
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

async function answering(host: Host, program: Program): Promise<void> {
  await until(
    async () => (await host.mesh(['status'])).status === 0 || undefined,
    () => program.stdout(),
  );
}

function faultyRouter(program: Program): FaultyRouter {
  return {
    async arm() {
      // Not `stop`, which waits for the end.
      await program.signal('USR2');
      await until(
        () => program.stdout().includes('armed\n') || undefined,
        () => program.stdout(),
      );
    },
    killedAfter: () => /^killed after (.*)$/m.exec(program.stdout())?.[1],
    async kill() {
      await program.stop('KILL');
    },
    ended: program.ended,
  };
}
