import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes docs/weave-suite.md from what a run of Weave Net's own integration tests said: a line a test with its file, result,
 * asserts and seconds. usage: node test/weave-suite/page.ts < RUN > docs/weave-suite.md. The suite itself is not kept here.
 */

interface Outcome {
  readonly result: string;
  /** Passed and all, like `6/6`; none where the test ended early. */
  readonly asserts?: string;
  readonly seconds?: number;
}

const LINE = /^(\d{3}_\w+_test\.sh)\s+(pass|FAIL|abort|timeout)\s+(\S+)\s+(\d+)s$/;

/** Why a test does not pass here, and will not. */
const REASONS: Readonly<Record<string, string>> = {
  '111':
    'asks for ESP on the wire and chains of iptables by name. Here tunnels are WireGuard, or the routers encrypt; `test/vm` shows that nothing passes in clear',
  '191':
    'takes a Linux bridge `weave` of the host down, and looks for chains of iptables by name. Here the switch is in a network namespace of its own: there is no such bridge to be broken. `test/lab/restarts.test.ts` kills routers instead',
  '390':
    'removes the device `vethwe-datapath`, which there is none of. (On this machine the original fails as well.)',
  '700':
    'all but the check for newer versions pass: nobody is asked for any, since the service of that is gone',
  '705': 'turns on hairpin mode of the device `vethwe-bridge`, which there is none of',
  '830': 'calls a CNI plugin, which there is none of',
};

function readRun(text: string): ReadonlyMap<string, Outcome> {
  const found = text.split('\n').flatMap(line => {
    const [, test = '', result = '', asserts = '', seconds = ''] = LINE.exec(line.trim()) ?? [];
    return test === ''
      ? []
      : [[test, { result: result.toLowerCase(), asserts, seconds: Number(seconds) }] as const];
  });
  return new Map(found);
}

function row(test: string, ours: Outcome, original: Outcome | undefined): string {
  const cells = ({ result, asserts = '-', seconds }: Outcome): readonly string[] => [
    `${result}${asserts === '-' ? '' : ` ${asserts}`}`,
    seconds === undefined ? '' : `${seconds}`,
  ];
  const why = ours.result === 'pass' ? '' : (REASONS[test.slice(0, 3)] ?? '');
  return `| ${[test.replace(/_test\.sh$/, ''), ...cells(ours), ...cells(original ?? { result: 'not run' }), why].join(' | ')} |`;
}

function page(run: ReadonlyMap<string, Outcome>, original: Readonly<Record<string, Outcome>>): string {
  const shared = [...run].filter(
    ([test, { result }]) => result === 'pass' && original[test]?.seconds !== undefined,
  );
  const sum = (seconds: readonly (number | undefined)[]): number =>
    seconds.reduce<number>((all, one) => all + (one ?? 0), 0);
  const ours = sum(shared.map(([, { seconds }]) => seconds));
  const theirs = sum(shared.map(([test]) => original[test]?.seconds));
  const passed = [...run.values()].filter(({ result }) => result === 'pass').length;
  return [
    "# Weave Net's own integration tests",
    '',
    'Its scripts, unmodified, with `weave` meaning this command, on three Docker hosts that are namespaces of one machine; beside it',
    'what Weave Net 2.9.0 scores in the same place. Written by `node test/weave-suite/page.ts` from a run.',
    '',
    `${passed} of ${run.size} pass. Those that pass here took ${ours} s; the original takes ${theirs} s for the same (${(ours / theirs).toFixed(2)} x).`,
    'Not run are those that need Kubernetes, Swarm or images from a registry (601-604, 840-870).',
    '',
    '| test | here | s | Weave Net | s | why not |',
    '|---|---|---|---|---|---|',
    ...[...run]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([test, outcome]) => row(test, outcome, original[test])),
    '',
  ].join('\n');
}

const original = JSON.parse(readFileSync(join(import.meta.dirname, 'original.json'), 'utf8'));
const run = readRun(readFileSync(0, 'utf8'));
if (run.size === 0) {
  process.stderr.write('page: no line of the input is the result of a test\n');
  process.exit(1);
}
process.stdout.write(page(run, original));
