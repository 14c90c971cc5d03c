/** What both campaigns must have met: one that never met a rare thing has shown nothing about it. */
const COMMON = [
  'message lost',
  'message repeated',
  'message overtaken',
  'clogged',
  'partition',
  'one-way cut',
  'half-open connection',
  'killed',
  'killed after persist, before telling',
  'killed before durable',
  'killed after plumb, before the answer',
  'power lost',
  'disk rolled back',
  'disk wiped',
  'absent long',
  'paused',
  'disk full',
  'clock jumped',
  'attach refused',
  'attached',
  'plumb refused',
  'container died',
  'container restarted',
  'container removed',
  'left',
  'joined again',
] as const;

export const FACT_SIGHTS = [
  ...COMMON,
  'clone started',
  'clone halted',
  'early delta',
  'snapshot taken',
  'deletion floor passed',
  'rebase',
  'conflict won',
  'conflict lost',
  'address given back by conflict',
  'detached',
  'targets changed',
  'unknown message',
  'later fact kept',
] as const;

export const ADDRESS_SIGHTS = [
  ...COMMON,
  'allocated',
  'claimed',
  'claim refused',
  'claim in quarantine',
  'given after quarantine',
  'one address released',
  "release of another's refused",
  'granted',
  'killed with a grant under way',
  'killed with a promise under way',
  'crashed between two majorities',
  'inherited',
  'peer removed',
  'living peer removed',
  'living peer not removed',
  'removed peer goes on',
  'space silent',
  'space exhausted',
  'ring undivided',
  'rings met',
] as const;

export type Sight = (typeof FACT_SIGHTS)[number] | (typeof ADDRESS_SIGHTS)[number];
export type Counters = Map<Sight, number>;

export const createCounters = (): Counters => new Map();

export function addCounters(total: Counters, more: Counters): void {
  for (const [sight, count] of more) total.set(sight, (total.get(sight) ?? 0) + count);
}

/** Which of `sights` were never met. */
export const unseen = (counters: Counters, sights: readonly Sight[]): readonly Sight[] =>
  sights.filter(sight => (counters.get(sight) ?? 0) === 0);
