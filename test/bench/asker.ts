import { ask as request } from '../../src/api/control/client.ts';
import { DNS_PORT } from '../../src/api/control/dns-options.ts';
import { type Asker, openAsker } from '../support/dns/asker.ts';
import { addNamespaces, type Member } from './stage.ts';

const GIVEN_UP_MS = 10_000;

/** Attaches `namespace` of the member's host, with an address that is free, and asks out of it. */
export async function attachAsker(member: Member, namespace: string): Promise<Asker> {
  await addNamespaces(member.host, namespace, 1);
  const container = `netns:/run/netns/${namespace}0`;
  const attached = await request(member.socket, 'attach', { container, addresses: [] });
  if (!attached.ok) throw new Error(`attach ${container}: ${attached.problem.code}`);
  const dns = await request(member.socket, 'dns');
  const service = dns.ok && dns.value.server?.listening.find(({ inSwitch }) => inSwitch)?.address;
  if (!service) throw new Error(`${member.host.name} answers no questions in its switch`);
  return openAsker(member.path(`/run/netns/${namespace}0`), service, DNS_PORT);
}

/** Asks on and on until the name is known, or is not; gives when that was. */
export async function untilKnown(asker: Asker, name: string, wanted: boolean): Promise<number> {
  const deadline = performance.now() + GIVEN_UP_MS;
  for (;;) {
    const answer = await asker.ask(name);
    if (answer !== undefined && answer.length > 0 === wanted) return performance.now();
    if (performance.now() > deadline) throw new Error(`${name} is not ${wanted ? '' : 'un'}known`);
  }
}
