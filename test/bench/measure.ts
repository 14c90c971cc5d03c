import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One figure of a bench, held against its limit. */
export interface Figure {
  readonly bench: string;
  readonly unit: string;
  /** Samples of ours; the value is their median, or the percentile asked for. */
  readonly ours: readonly number[];
  /** Samples of what it is held against, taken in between. */
  readonly theirs: readonly number[];
  /** What `theirs` is, in words. */
  readonly against: string;
  /** Which percentile of both is compared; 50 where not given. */
  readonly percentile?: number;
  /** What is limited: the ratio ours to theirs, or the value itself. */
  readonly limited: 'ratio' | 'value';
  readonly limit: number;
  /** Whether the figure has to be at least, or at most, the limit. */
  readonly must: 'at-least' | 'at-most';
  /** For a limited value: what the control takes on a quiet machine; more than 30 % above it, the verdict is open. */
  readonly control?: number;
  /** The ratio is the median of the ratios of each round, in which both sides were measured one after the other. */
  readonly paired?: true;
  /** Numbers beside the figure, by name. */
  readonly detail?: Readonly<Record<string, number>>;
}

/** What `node -e 0` takes on this project's machine (2 cores) while nothing else runs. */
export const EMPTY_START_S = 0.04;

/** The same for the netlink requests of one attach, without a router. */
export const RAW_ATTACH_MS = 1;

/** The line that a bench ends with. */
export interface Verdict {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  readonly against: string;
  readonly ratio: number;
  readonly limit: number;
  readonly pass: boolean | 'inconclusive';
  readonly n: number;
  readonly min: number;
  readonly max: number;
  readonly detail?: Readonly<Record<string, number>>;
  /** File with the raw samples. */
  readonly raw: string;
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? Number.NaN;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

export function judge(figure: Figure): Verdict {
  const { bench, unit, ours, theirs, against, limit, limited, must, control, detail } = figure;
  const value = percentile(ours, figure.percentile ?? 50);
  const other = percentile(theirs, figure.percentile ?? 50);
  const ratio = figure.paired
    ? percentile(
        ours.map((sample, index) => sample / theirs[index]!),
        50,
      )
    : value / other;
  const measured = limited === 'ratio' ? ratio : value;
  const met = must === 'at-least' ? measured >= limit : measured <= limit;
  const disturbed = control !== undefined && percentile(theirs, 50) > control * 1.3;
  const raw = join(tmpdir(), `mesh-bench-${bench}-${process.pid}.json`);
  writeFileSync(raw, JSON.stringify({ ours, theirs }));
  return {
    bench,
    value: rounded(value),
    unit,
    against,
    ratio: rounded(ratio),
    limit,
    pass: !met && disturbed ? 'inconclusive' : met,
    n: ours.length,
    min: rounded(Math.min(...ours)),
    max: rounded(Math.max(...ours)),
    ...(detail === undefined ? {} : { detail }),
    raw,
  };
}

/** CPU time that a process and its threads have used, in seconds (proc(5), /proc/PID/stat; ticks of 1/100 s). */
export function cpuSeconds(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
