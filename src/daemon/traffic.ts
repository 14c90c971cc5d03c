import type { Vtep } from '../core/address.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dataplane } from '../ports/dataplane.ts';

/** The kernel keeps count itself; it is asked this often where frames went. */
const LOOK_MS = 5_000;

/** Tells again and again where frames of containers go. */
export function startTrafficWatch(
  dataplane: Pick<Dataplane, 'traffic'>,
  clock: Clock,
  tell: (to: readonly Vtep[]) => void,
): { stop(): void } {
  let cancel = (): void => undefined;
  let isStopped = false;

  function plan(): void {
    cancel = clock.after(LOOK_MS, async () => {
      const to = await dataplane.traffic();
      if (isStopped) return;
      if (to.length > 0) tell(to);
      plan();
    });
  }

  plan();
  return {
    stop: () => {
      isStopped = true;
      cancel();
    },
  };
}
