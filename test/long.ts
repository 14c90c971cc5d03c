/** The campaigns: what takes too long for every run. usage: npm run test:long -- [CAMPAIGN...] */
import { spawnSync } from 'node:child_process';

const vitest = (...files: string[]) => ['vitest', 'run', '--project', 'lab', ...files];
const rounds = 'MESH_TEST_ROUNDS=100 vitest run --project docker test/docker/names.test.ts';
const killed = 'MESH_TEST_ROUNDS=20 vitest run --project docker test/docker/proxy-kills.test.ts';
const pluginKilled = 'MESH_TEST_ROUNDS=20 vitest run --project docker test/docker/plugin-kills.test.ts';
const churned = 'MESH_TEST_CHURNS=1000 vitest run --project docker test/docker/plugin-churn.test.ts';
const mutants = 'MESH_TEST_MUTANTS=1000000 vitest run --project unit test/unit/fuzz/dns-sockets.test.ts';

/** Each has to end with 0. */
const CAMPAIGNS: Readonly<Record<string, readonly string[]>> = {
  restarts: ['node', 'test/restarts.ts'],
  boots: ['node', 'test/boots.ts'],
  paths: ['node', 'test/paths.ts'],
  names: ['sh', '-c', rounds],
  'dns-fuzz': ['sh', '-c', mutants],
  addresses: ['node', 'test/churn.ts'],
  vm: ['test/vm/run', '-t', '1200', '--', 'vitest', 'run', '--project', 'vm'],
  kills: vitest('test/lab/kill-points.test.ts', 'test/lab/malice.test.ts'),
  'proxy-kills': ['sh', '-c', killed],
  'plugin-kills': ['sh', '-c', pluginKilled],
  'plugin-churn': ['sh', '-c', churned],
  faults: ['node', 'test/sim/faults/main.ts'],
  mutants: ['node', 'test/sim/faults/main.ts', 'addresses'],
  ring: ['node', 'test/sim/ipam/main.ts', '--events', '100000000', '--quiet'],
  sim: ['node', 'test/sim/main.ts', '--seeds', '300'],
  partitions: ['node', 'test/sim/main.ts', '--seeds', '20', '--hosts', '12', '--minutes', '30'],
  heal: ['node', 'test/bench/main.ts', 'heal'],
  fuzz: ['node', 'test/fuzz/main.ts', '--seconds', '60'],
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const asked = process.argv.slice(2);
const unknown = asked.find(name => CAMPAIGNS[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`long: there is no "${unknown}"; there are ${Object.keys(CAMPAIGNS).join(', ')}\n`);
  process.exit(2);
}
const failed: string[] = [];
for (const name of asked.length === 0 ? Object.keys(CAMPAIGNS) : asked) {
  const [program = '', ...args] = CAMPAIGNS[name]!;
  say(`${name}: ${program} ${args.join(' ')}`);
  const started = performance.now();
  const { status } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) failed.push(name);
  say(
    `${name}: ${status === 0 ? 'done' : 'FAILED'} in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
}
say(failed.length === 0 ? 'all passed' : `failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
