import { createSockets } from '../../src/adapters/linux/sockets.ts';
import { ask as request } from '../../src/api/control/client.ts';
import { DNS_PORT } from '../../src/api/control/dns-options.ts';
import { RCODE } from '../../src/api/dns/message.ts';
import { parseIpv4, toNumber } from '../../src/core/address.ts';
import { questionBytes } from '../support/dns/ask.ts';
import { addNamespaces, type Member } from './stage.ts';

const ZONE = 'mesh.internal';
const RCODE_BITS = 15;
/** What was asked and has not been answered by then never will be. */
const LOST_MS = 50;

/** An attached namespace that asks its host for names, by a socket of this process. */
export interface Asker {
  /** Asks once; undefined where nothing comes back for a moment. */
  ask(name: string): Promise<'known' | 'unknown' | undefined>;
  /** Asks on and on until the answer is `wanted`; gives when that was. Throws after 10 s. */
  until(name: string, wanted: 'known' | 'unknown'): Promise<number>;
  close(): void;
}

/** Attaches `namespace` of the member's host, with an address that is free. */
export async function attachAsker(member: Member, namespace: string): Promise<Asker> {
  await addNamespaces(member.host, namespace, 1);
  const container = `netns:/run/netns/${namespace}0`;
  const attached = await request(member.socket, 'attach', { container, addresses: [] });
  if (!attached.ok) throw new Error(`attach ${container}: ${attached.problem.code}`);
  const dns = await request(member.socket, 'dns');
  const service = dns.ok && dns.value.server?.listening.find(({ inSwitch }) => inSwitch)?.address;
  if (!service) throw new Error(`${member.host.name} answers no questions in its switch`);
  return openAsker(member.path(`/run/netns/${namespace}0`), service);
}

function openAsker(namespace: string, service: string): Asker {
  const to = { address: toNumber(parseIpv4(service)!)!, port: DNS_PORT };
  const waiting = new Map<number, (answer: 'known' | 'unknown' | undefined) => void>();
  const settle = (id: number, answer: 'known' | 'unknown' | undefined): void => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  };
  const place = { address: parseIpv4('0.0.0.0')!, port: 0, namespace };
  const socket = createSockets().datagrams(place, bytes => {
    const rcode = bytes[3]! & RCODE_BITS;
    if (rcode !== RCODE.ok && rcode !== RCODE.noSuchName) throw new Error(`rcode ${rcode}`);
    settle(bytes.readUInt16BE(0), rcode === RCODE.ok ? 'known' : 'unknown');
    return 0;
  });
  if (!socket.ok) throw new Error(socket.problem.code);
  let count = 0;
  const asker: Asker = {
    ask(name) {
      count += 1;
      const id = count & 0xffff;
      return new Promise(resolve => {
        const timer = setTimeout(() => settle(id, undefined), LOST_MS);
        waiting.set(id, answer => {
          clearTimeout(timer);
          resolve(answer);
        });
        socket.value.send(questionBytes(`${name}.${ZONE}`, { id }), to);
      });
    },
    async until(name, wanted) {
      const deadline = performance.now() + 10_000;
      for (;;) {
        if ((await asker.ask(name)) === wanted) return performance.now();
        if (performance.now() > deadline) throw new Error(`${name} is not ${wanted} within 10 s`);
      }
    },
    close: () => socket.value.close(),
  };
  return asker;
}
