import { Checks } from '../sim/checks.ts';
import { CALM, type Settings } from '../sim/settings.ts';
import { Simulation } from '../sim/simulation.ts';
import { TimeWheel } from '../sim/time-wheel.ts';
import { Users } from '../sim/users.ts';
import type { Figure } from './measure.ts';

const HOSTS = 100;
/** Until all have found each other and nothing is left to be told of that. */
const FORMING_MS = 60_000;
const ROUNDS = 8;
const ROUND_MS = 15_000;
/** What scheduling and taking one event costs on this project's machine while nothing else runs. */
const BARE_EVENT_US = 0.04;
/** As many events under way as in the simulation. */
const UNDER_WAY = 4_000;

/** A mesh that has formed, in which users go on attaching and detaching and one message in a hundred is lost. */
const SETTINGS: Settings = {
  ...CALM,
  seed: 1,
  hosts: HOSTS,
  loss: 0.01,
  delayMs: 1,
  jitterMs: 5,
  wishEveryMs: 25_000,
  addresses: 200,
  syncMs: 3,
};

/** What the simulator does in a second of CPU with every check on, against its time wheel alone. */
export async function run(): Promise<readonly Figure[]> {
  const simulation = form();
  const events: number[] = [];
  const hostHours: number[] = [];
  const bare: number[] = [];
  const barePerHostHour: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = simulation.events;
    const seconds = cpuOf(() => simulation.run(ROUND_MS));
    const count = simulation.events - before;
    const hours = (HOSTS * ROUND_MS) / 3_600_000;
    const control = cpuOf(() => turn(count));
    events.push((seconds / count) * 1e6);
    bare.push((control / count) * 1e6);
    hostHours.push(seconds / hours);
    barePerHostHour.push(control / hours);
  }
  const common = { limited: 'value', must: 'at-most', against: 'the time wheel alone' } as const;
  return [
    // Half a million events a second.
    {
      ...common,
      bench: 'sim-event',
      unit: 'us of CPU',
      ours: events,
      theirs: bare,
      limit: 2,
      control: BARE_EVENT_US,
    },
    // Two host-hours a second.
    {
      ...common,
      bench: 'sim-host-hour',
      unit: 's of CPU',
      ours: hostHours,
      theirs: barePerHostHour,
      limit: 0.5,
    },
  ];
}

function form(): Simulation {
  const simulation = new Simulation(SETTINGS, HOSTS);
  const checks = new Checks(simulation);
  simulation.watch = checks;
  const users = new Users(simulation, { removed: (machine, id) => checks.released(machine, id) });
  for (let index = 0; index < HOSTS; index++) {
    const machine = simulation.add();
    const target = simulation.machines[Math.floor(simulation.random.faults.fraction() * index)]!;
    machine.start(target === machine ? [] : [target.address]);
    users.start(machine);
  }
  simulation.run(FORMING_MS);
  return simulation;
}

/** Takes `count` events off a wheel that has each followed by another. */
function turn(count: number): void {
  const wheel = new TimeWheel();
  let left = count;
  const take = (kind: number, a: number, b: number): void => {
    left -= 1;
    wheel.schedule(1 + (left % 997), kind, a, b, undefined);
  };
  for (let index = 0; index < UNDER_WAY; index++) wheel.schedule(index % 997, 1, index, 0, undefined);
  while (left > 0) wheel.step(Number.MAX_SAFE_INTEGER, take);
}

function cpuOf(action: () => void): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
