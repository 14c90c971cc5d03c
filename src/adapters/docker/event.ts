import type { ContainerEvent } from '../../ports/container-runtime.ts';

const KINDS = { start: 'started', die: 'died', destroy: 'removed' } as const;

/** What the engine is asked to tell of. */
export const ACTIONS = Object.keys(KINDS);

/** One line of the engine's events; undefined for whatever else it says. `Action` and `Actor` since API 1.22; older engines have `status` and `id`, newer ones both until 1.52. */
export function parseEvent(line: string): ContainerEvent | undefined {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof event !== 'object' || event === null) return undefined;
  const { Action: action, Actor: actor } = event as { Action?: unknown; Actor?: { ID?: unknown } | null };
  if (typeof actor?.ID !== 'string') return undefined;
  if (action === 'start' || action === 'die' || action === 'destroy')
    return { kind: KINDS[action], id: actor.ID };
  return undefined;
}
