import type { Check, Found } from '../check.ts';
import { portsOf } from '../ports.ts';

/** Whether the ports are free for a router that is to be started. */
export const ports: Check = {
  name: 'ports',
  async run(context) {
    const { machine, router } = context;
    // A router that runs has them.
    if (router !== undefined) return [];
    const [control, data] = portsOf(context);
    const found: Found[] = [];
    for (const { protocol, port } of [control, data]) {
      const name = `${protocol.toUpperCase()} port ${port}`;
      // The switch that an earlier router left is taken over with its ports.
      if (protocol === 'udp' && (await machine.switchLeft()).ports.includes(port)) continue;
      const holder = await machine.portHolder(protocol, port);
      if (holder === undefined) found.push({ level: 'ok', what: `${name} is free` });
      else {
        const flag = protocol === 'tcp' ? '--port' : '--data-port';
        const cure = `end it, or launch all routers with another ${flag}`;
        found.push({ level: 'problem', what: `${name} is taken by ${holder.who}`, cure });
      }
    }
    return found;
  },
};
