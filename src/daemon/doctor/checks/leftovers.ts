import type { Check, Found } from '../check.ts';
import { parseRuleset } from '../ruleset.ts';

/** What a router that is gone has left in the kernel. */
export const leftovers: Check = {
  name: 'leftovers',
  async run({ machine, router }) {
    if (router !== undefined || !machine.capable) return [];
    const { pinned, containers } = await machine.switchLeft();
    const cure = '"mesh launch" goes on with it, "mesh reset" removes it';
    const found: Found[] = [];
    if (pinned) {
      const what = `the switch of a router that is gone carries ${containers.length} containers; what they reach stays as it is`;
      found.push({ level: 'note', what, cure });
    }
    const rules = machine.hasProgram('nft') ? await machine.rules() : undefined;
    const guarded = rules?.ok && parseRuleset(rules.value).chains.some(isOurs);
    if (guarded && !pinned) {
      const what = 'the table ip mesh of a router that is gone keeps strangers from the data port';
      found.push({ level: 'note', what, cure });
    }
    return found.length > 0 ? found : [{ level: 'ok', what: 'no router that is gone left anything' }];
  },
};

const isOurs = ({ family, table }: { family: string; table: string }): boolean =>
  family === 'ip' && table === 'mesh';
