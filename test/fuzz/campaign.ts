import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { createRandom, mutate } from './mutator.ts';
import type { Target } from './target.ts';

const SEEDS = join(import.meta.dirname, 'seeds');
const SLOW_MS = 20;
/** How often a slow input is tried again: what a collection of garbage or a cold cache costs is not its fault. */
const TRIES = 5;
const HEAP_LIMIT = 16 * 1024 * 1024;
const STRUCTURED = 100;
/** Every so many inputs the event loop gets its turn. */
const BATCH = 256;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What one target did in one run. */
export interface Outcome {
  readonly inputs: number;
  readonly seconds: number;
  readonly failure: { readonly why: string; readonly input: Uint8Array } | undefined;
}

/** The kept inputs of a target: each failed once. */
export function keptSeeds(name: string): readonly Uint8Array[] {
  const folder = join(SEEDS, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map(file => new Uint8Array(readFileSync(join(folder, file))));
}

/** Keeps an input; gives its path. */
export function keepSeed(name: string, input: Uint8Array): string {
  const folder = join(SEEDS, name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(path, input);
  return path;
}

/** Why `target` fails on one input; undefined where it does not. */
export async function trial(target: Target, input: Uint8Array): Promise<string | undefined> {
  const limit = target.slowMs ?? SLOW_MS;
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES; tries++) {
    const began = spentMs();
    try {
      const pending = target.read(input.slice());
      if (pending !== undefined) await pending;
    } catch (error) {
      return error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
    }
    best = Math.min(best, spentMs() - began);
    if (best <= limit) return undefined;
  }
  return `it took ${best.toFixed(1)} ms at best; the limit is ${limit} ms`;
}

/** Feeds a target for `seconds`: what is kept, what is structured, then mutants of both. The same seed, the same inputs. */
export async function fuzz(
  name: string,
  target: Target,
  options: { readonly seconds: number; readonly seed: number },
): Promise<Outcome> {
  const { seconds, seed } = options;
  const random = createRandom(seed);
  const structured = fc.sample(target.structured, { seed, numRuns: STRUCTURED });
  const corpus = [...keptSeeds(name), ...structured];
  const pick = (): Uint8Array => corpus[random(corpus.length)]!;
  const began = performance.now();
  let inputs = 0;
  let heap: number | undefined;
  const outcome = (failure: Outcome['failure']): Outcome => ({
    inputs,
    seconds: (performance.now() - began) / 1_000,
    failure,
  });
  // However slow the machine: all that is kept or structured, and as many mutants, over which the heap must not grow.
  for (; inputs < 2 * corpus.length || performance.now() - began < seconds * 1_000; inputs++) {
    const input = corpus[inputs] ?? mutate(pick(), pick(), random);
    const why = await trial(target, input);
    if (why !== undefined) return outcome({ why, input });
    if (inputs === corpus.length) heap = heapNow();
    if (inputs % BATCH === 0) await new Promise(setImmediate);
  }
  const grown = heap === undefined ? 0 : heapNow() - heap;
  const why = `the heap has grown by ${grown} bytes over all inputs; the limit is ${HEAP_LIMIT}`;
  return outcome(grown > HEAP_LIMIT ? { why, input: new Uint8Array(0) } : undefined);
}

/** What this thread has had of the processor: other work on the machine does not count. */
function spentMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

function heapNow(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
