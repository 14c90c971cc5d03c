import type { Check, Found } from '../check.ts';

/** Programs that a router starts, or that the command line needs to start one. */
export const programs: Check = {
  name: 'programs',
  async run({ machine, router }) {
    const found: Found[] = [];
    // A router that runs in a container has brought its own.
    if (machine.hasProgram('nft')) found.push({ level: 'ok', what: 'nft is there' });
    else if (router?.health.how !== 'container') {
      const what = 'there is no program "nft" on this host, so no packet filter rules can be loaded';
      found.push({ level: 'problem', what, cure: 'apt-get install nftables (as Debian calls it)' });
    }
    if (machine.engine !== undefined && !machine.contained && !machine.hasProgram('docker')) {
      const what = 'there is no program "docker": the router can be started as a process of this host only';
      found.push({
        level: 'note',
        what,
        cure: 'apt-get install docker-cli, where it is meant to run as a container',
      });
    }
    return found;
  },
};
