import type { Check, Found } from '../check.ts';

/** Addresses that two hosts claim, and attachments that are out of order. */
export const endpoints: Check = {
  name: 'endpoints',
  async run({ router }) {
    if (router === undefined) return [];
    const { endpoints: all, dormant, self } = router.report;
    const conflicts = all.flatMap(({ address, conflict, containerName, host }): readonly Found[] => {
      if (conflict === undefined) return [];
      const holder = `${conflict.containerName} on ${conflict.host.nickname}`;
      const what = `${address} of ${containerName} on ${host.nickname} is held by ${holder}, which was first`;
      const where = host.id === self.id ? '' : ` on ${host.nickname}`;
      const cure = `"mesh detach" it${where} and attach another address`;
      return [{ level: host.id === self.id ? 'problem' : 'note', what, cure }];
    });
    const asleep = dormant.map(({ addresses, containerName, container, why }): Found => {
      const name = containerName || container;
      const what = `${addresses.join(' ')} of ${name} can't be reached: ${why}`;
      return { level: 'note', what, cure: `start it again, or "mesh detach ${name}"` };
    });
    const found = [...conflicts, ...asleep];
    return found.length > 0 ? found : [{ level: 'ok', what: `${all.length} addresses, none of them twice` }];
  },
};
