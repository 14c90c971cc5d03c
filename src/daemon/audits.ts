import type { Mended } from '../api/control/contract.ts';
import type { Clock, Millis } from '../ports/clock.ts';
import type { Dataplane } from '../ports/dataplane.ts';
import type { Log } from '../ports/log.ts';

/** The kernel's tables are compared with what they should be this often. */
const AUDIT_MS = 10_000;
/** What is kept of what was mended: the last of it, for an hour. */
const KEPT = 20;
const KEPT_MS = 3_600_000;

export interface Audits {
  /** What was mended lately, the last first. */
  mended(): readonly Mended[];
  stop(): void;
}

/** Compares again and again, and remembers what was found. */
export function startAudits(dataplane: Pick<Dataplane, 'audit'>, clock: Clock, log: Log): Audits {
  let found: readonly { readonly what: string; readonly at: Millis }[] = [];
  let cancel = (): void => undefined;

  async function audit(): Promise<void> {
    const sentences = await dataplane.audit();
    for (const sentence of sentences) log.warn(sentence);
    const at = clock.now();
    found = [...sentences.map(what => ({ what, at })), ...found].slice(0, KEPT);
  }

  function plan(): void {
    cancel = clock.after(AUDIT_MS, () => {
      plan();
      void audit();
    });
  }

  plan();
  return {
    mended: () =>
      found
        .map(({ what, at }) => ({ what, agoMs: Math.round(clock.now() - at) }))
        .filter(({ agoMs }) => agoMs < KEPT_MS),
    stop: () => cancel(),
  };
}
