/** Rare things that a campaign must have met: one that never met them has shown nothing about them. */
export const SIGHTS = [
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
  'clone started',
  'clone halted',
  'early delta',
  'snapshot taken',
  'deletion floor passed',
  'rebase',
  'conflict won',
  'conflict lost',
  'address given back by conflict',
  'attach refused',
  'attached',
  'detached',
  'plumb refused',
  'container died',
  'container restarted',
  'container removed',
  'left',
  'joined again',
  'targets changed',
  'unknown message',
  'later fact kept',
  'allocated',
  'claimed',
  'granted',
  'inherited',
  'peer removed',
  'space silent',
  'ring undivided',
] as const;

export type Sight = (typeof SIGHTS)[number];
export type Counters = Map<Sight, number>;

export const createCounters = (): Counters => new Map(SIGHTS.map(sight => [sight, 0]));

export function addCounters(total: Counters, more: Counters): void {
  for (const [sight, count] of more) total.set(sight, (total.get(sight) ?? 0) + count);
}

/** What was never met. */
export const unseen = (counters: Counters): readonly Sight[] =>
  SIGHTS.filter(sight => (counters.get(sight) ?? 0) === 0);
