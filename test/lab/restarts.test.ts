import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as ordeals from '../support/lab/ordeals.ts';
import {
  createRestartStage,
  NEWER,
  type Ordeal,
  play,
  type RestartStage,
} from '../support/lab/restart-stage.ts';
import { type } from '../support/lab/shell.ts';

/** What befalls a router does not touch traffic; `npm run test:long` plays all of it and writes docs/restarts.md. */

let stage: RestartStage;

beforeAll(async () => {
  stage = await createRestartStage();
});
afterAll(() => stage?.destroy());

/** What is said meanwhile, where something has to be. */
const ORDEALS: readonly (readonly [Ordeal, RegExp | undefined])[] = [
  [ordeals.KILLED, undefined],
  [ordeals.standstill(5), undefined],
  [ordeals.STOPPED, /^router unreachable, host answers$/],
  [ordeals.STUCK, /^mesh: the router \(process N\) gives no answer and is killed$/],
  [ordeals.DAMAGED, /^N\.snapshot is damaged$/],
  [ordeals.FROM_THE_FUTURE, /was written by a newer mesh \(format 9, this one knows 1\); upgrade, or move/],
  [ordeals.FULL, /^10\.0\.0\.21$/],
  [ordeals.UPGRADED, /^mesh: a router is running already \(native, process N\); "mesh stop" ends it$/],
];

describe('probes between containers, one each millisecond, are all answered', () => {
  const cases = ORDEALS.map(([ordeal, says]) => ({ title: ordeal.title, ordeal, says }));

  it.each(cases)('$title', async ({ ordeal, says }) => {
    const outcome = await play(stage, ordeal);
    expect(outcome).toMatchObject({ lost: 0, replaced: [], counting: [] });
    expect(outcome.sent).toBeGreaterThan(100);
    expect(outcome.seconds).toBeLessThan(30);
    if (says === undefined) expect(outcome.said).toBeUndefined();
    else expect(outcome.said).toMatch(says);
  });

  it('and it is the newer build that runs', async () => {
    expect(await type(stage.host, `${stage.newer} version`)).toContain(`router ${NEWER}`);
    expect(await type(stage.other, 'mesh report')).toContain(`"version": "${NEWER}"`);
  });
});
