import { openNamespace } from '../../src/adapters/linux/namespace.ts';
import { createProber } from '../../src/adapters/linux/probe.ts';
import type { Ipv4 } from '../../src/core/address.ts';
import { attach, type Member } from './stage.ts';

const PACKET = 84;

/** An attached namespace out of which echoes are sent, by a socket of this process. */
export interface Witness {
  /** Whether `address` answers one echo within a second. */
  reaches(address: string): Promise<boolean>;
  /** Sends an echo each millisecond; gives the milliseconds from the call until the first reply. Throws after 10 s. */
  firstReply(address: string): Promise<number>;
  close(): void;
}

export async function attachWitness(member: Member, namespace: string, address: string): Promise<Witness> {
  await attach(member, namespace, address);
  const sandbox = openNamespace(member.path(`/run/netns/${namespace}`));
  const prober = createProber(sandbox.inside, { inHost: sandbox.inside, local: address as Ipv4 });
  const reaches = async (to: string) => (await prober.probe(to as Ipv4, PACKET)).alive;
  return {
    reaches,
    firstReply: to =>
      new Promise((resolve, reject) => {
        const started = performance.now();
        const end = (settle: () => void): void => {
          clearInterval(echoes);
          clearTimeout(deadline);
          settle();
        };
        const send = async (): Promise<void> => {
          if (await reaches(to)) end(() => resolve(performance.now() - started));
        };
        const echoes = setInterval(() => void send(), 1);
        const late = new Error(`${to} answered nothing within 10 s`);
        const deadline = setTimeout(() => end(() => reject(late)), 10_000);
        void send();
      }),
    close() {
      prober.close();
      sandbox.close();
    },
  };
}
