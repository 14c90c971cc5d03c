import type { Check } from '../check.ts';

/** What the kernel held otherwise than it should, when the router last compared. */
export const drift: Check = {
  name: 'drift',
  async run({ router }) {
    if (router === undefined) return [];
    const { mended } = router.dataplane;
    if (mended.length === 0) return [{ level: 'ok', what: 'the kernel holds what it should' }];
    return mended.map(({ what, agoMs }) => ({
      level: 'note',
      what: `mended ${Math.round(agoMs / 1000)} s ago: ${what}`,
      cure: 'look who changes what the router set up: another network manager, or a script',
    }));
  },
};
