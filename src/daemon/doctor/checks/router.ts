import { describe } from '../../../core/errors.ts';
import type { Check } from '../check.ts';

/** How the sentence about a second router with our identity begins. */
const [CLONED = ''] = describe({ code: 'identity-cloned', id: '' }).split(' (');

/** Whether a router runs here, and why the last one ended. */
export const router: Check = {
  name: 'router',
  async run({ machine, router: running }) {
    if (running !== undefined) {
      const { how, pid, state, version } = running.health;
      return [{ level: 'ok', what: `router ${version} runs (${how}, process ${pid}) and is ${state}` }];
    }
    const last = machine.lastError();
    if (last === undefined) return [{ level: 'ok', what: 'no router runs here' }];
    // What ended the last one may be cured by now; another router with our key is not.
    const level = last.includes(CLONED) ? 'problem' : 'note';
    const what = `no router runs here, and the last one ended with: ${last}`;
    return [{ level, what, cure: 'do as it says, then "mesh launch"' }];
  },
};
