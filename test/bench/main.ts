import { parseArgs } from 'node:util';
import { type Figure, judge, type Verdict } from './measure.ts';

/** What there is: each gives its figures. Loaded only when asked for. */
const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<readonly Figure[]> }>>> = {
  throughput: () => import('./throughput.ts'),
  latency: () => import('./latency.ts'),
  attach: () => import('./attach.ts'),
  plugin: () => import('./plugin.ts'),
  allocate: () => import('./allocate.ts'),
  ring: () => import('./ring.ts'),
  reach: () => import('./reach.ts'),
  network: () => import('./network.ts'),
  'docker-run': () => import('./docker-run.ts'),
  proxy: () => import('./proxy.ts'),
  'proxy-diff': () => import('./proxy-diff.ts'),
  burst: () => import('./burst.ts'),
  boot: () => import('./boot.ts'),
  dns: () => import('./dns.ts'),
  'dns-latency': () => import('./dns-latency.ts'),
  name: () => import('./name.ts'),
  'dns-restart': () => import('./dns-restart.ts'),
  'dns-bomb': () => import('./dns-bomb.ts'),
  launch: () => import('./launch.ts'),
  cli: () => import('./cli.ts'),
  memory: () => import('./memory.ts'),
  failover: () => import('./failover.ts'),
  flap: () => import('./flap.ts'),
  relay: () => import('./relay.ts'),
  sleeve: () => import('./sleeve.ts'),
  wireguard: () => import('./wireguard.ts'),
  chatter: () => import('./chatter.ts'),
  heal: () => import('./heal.ts'),
  flood: () => import('./flood.ts'),
  together: () => import('./together.ts'),
  silence: () => import('./silence.ts'),
  restart: () => import('./restart.ts'),
  sim: () => import('./sim.ts'),
  scale: () => import('./scale.ts'),
};

function show(verdict: Verdict): string {
  const { bench, value, unit, against, ratio, limit, pass, n, min, max } = verdict;
  const judged =
    pass === true ? 'met' : pass === false ? 'NOT MET' : 'inconclusive: the control was disturbed';
  return `${bench}: ${value} ${unit} (${min} to ${max}, n=${n}), ${ratio} x ${against}; limit ${limit}: ${judged}`;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const names = positionals.length === 0 ? Object.keys(BENCHES) : positionals;
const unknown = names.find(name => BENCHES[name] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no "${unknown}"; there are ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(2);
}
let failed = false;
for (const name of names) {
  const figures = await (await BENCHES[name]!()).run();
  for (const verdict of figures.map(judge)) {
    failed ||= verdict.pass !== true;
    process.stdout.write(`${values.json ? JSON.stringify(verdict) : show(verdict)}\n`);
  }
}
process.exit(failed ? 1 : 0);
