import type { Campaign } from './campaign.ts';
import { FAULTS, type Settings, type Wishes } from './settings.ts';

/** Looks for less that still fails: kinds of faults, then minutes, then hosts. Gives the command that repeats it. */
export function shrink<Kind extends Settings>(
  { command, draw, run }: Campaign<Kind>,
  settings: Kind,
  wishes: Wishes,
): string {
  const { seed } = settings;
  let best = { hosts: settings.hosts, minutes: settings.minutes, without: wishes.without ?? [] };
  const attempt = (candidate: typeof best): boolean => {
    const fails = run(draw(seed, candidate)).violation !== undefined;
    if (fails) best = candidate;
    return fails;
  };
  for (const fault of FAULTS) {
    if (settings.faults.has(fault)) attempt({ ...best, without: [...best.without, fault] });
  }
  while (best.minutes > 1 && attempt({ ...best, minutes: Math.floor(best.minutes / 2) }));
  while (best.hosts > 2 && attempt({ ...best, hosts: best.hosts - 1 }));
  const without = best.without.length === 0 ? '' : ` --without ${best.without.join(',')}`;
  return `${command} -- --seed ${seed} --hosts ${best.hosts} --minutes ${best.minutes}${without}`;
}
