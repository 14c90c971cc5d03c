import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './measure.ts';
import { type Member, withMesh } from './stage.ts';

const IDLE_MS = 20_000;
const INSPECT = join(import.meta.dirname, 'inspect-memory.ts');
const MB = 1e6;

/** What a router with three peers and nothing to do has in memory, against a node that does nothing. */
export function run(): Promise<readonly Figure[]> {
  return withMesh(4, async ({ members }) => {
    const [first] = members;
    const idle = await first!.host.spawn([
      process.execPath,
      '-e',
      'setInterval(() => {}, 60_000); console.log(process.pid)',
    ]);
    await sleep(IDLE_MS);
    const ours = members.map(member => kib(member.proc('status'), 'VmRSS') / MB);
    const empty = await first!.host.succeed(['cat', `/proc/${idle.stdout().trim()}/status`]);
    const theirs = [kib(empty, 'VmRSS') / MB];
    const detail = await whereItGoes(first!);
    return [
      {
        ...{ bench: 'memory', unit: 'MB', ours, theirs, against: 'a node that does nothing', detail },
        ...{ percentile: 100, limited: 'value', limit: 100, must: 'at-most' },
      },
    ];
  });
}

/** In MB: by kind of mapping, then what of it node accounts for. Comes last, since asking takes memory. */
async function whereItGoes(member: Member): Promise<Readonly<Record<string, number>>> {
  const kinds = byMapping(member.proc('smaps'));
  const rollup = member.proc('smaps_rollup');
  const printed = await member.host.succeed([process.execPath, INSPECT, String(member.pid)]);
  const told = Object.entries(JSON.parse(printed) as Readonly<Record<string, number>>);
  const inside = told.filter(([name]) => name !== 'rss').map(([name, bytes]) => [`node.${name}`, bytes / MB]);
  return { ...kinds, proportional: kib(rollup, 'Pss') / MB, ...Object.fromEntries(inside) };
}

/** Resident bytes: node's own program (shared by all that run it), libraries, what malloc has, and the rest (V8's). */
function byMapping(smaps: string): Readonly<Record<string, number>> {
  const sums = { program: 0, libraries: 0, malloc: 0, anonymous: 0 };
  let kind: keyof typeof sums = 'anonymous';
  for (const line of smaps.split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$/.exec(line);
    if (mapping !== null) kind = kindOf(mapping[1] ?? '');
    else if (line.startsWith('Rss:')) sums[kind] += kib(line, 'Rss') / MB;
  }
  return sums;
}

function kindOf(name: string): 'program' | 'libraries' | 'malloc' | 'anonymous' {
  if (/\/node$/.test(name)) return 'program';
  if (name.startsWith('/')) return 'libraries';
  return name === '[heap]' ? 'malloc' : 'anonymous';
}

/** Bytes, of a line like `VmRSS:   1234 kB`. */
function kib(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
}
