import { createSockets } from '../../../src/adapters/linux/sockets.ts';
import { parseIpv4, toNumber } from '../../../src/core/address.ts';
import { addressesIn, decodeAnswer, questionBytes } from './ask.ts';

const ANY = parseIpv4('0.0.0.0')!;
/** What was asked and has not been answered by then never will be. */
const LOST_MS = 50;

/** Asks a DNS server out of a network namespace, by one socket of this process, so that asking costs next to nothing. */
export interface Asker {
  /**
   * Asks once: the addresses of the name, sorted, none where there is no such name; undefined where nothing comes back
   * for a moment, or only that the server can't say.
   */
  ask(name: string): Promise<readonly string[] | undefined>;
  close(): void;
}

const KNOWN: ReadonlySet<string> = new Set(['NOERROR', 'NXDOMAIN']);

/** `namespace` is the path of the network namespace that is asked out of. */
export function openAsker(namespace: string, server: string, port: number, lostMs = LOST_MS): Asker {
  const to = { address: toNumber(parseIpv4(server)!)!, port };
  const waiting = new Map<number, (answer: readonly string[] | undefined) => void>();
  const settle = (id: number, answer: readonly string[] | undefined): void => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  };
  const socket = createSockets().datagrams({ address: ANY, port: 0, namespace }, bytes => {
    const answer = decodeAnswer(Buffer.from(bytes));
    if (KNOWN.has(answer.rcode)) settle(bytes.readUInt16BE(0), addressesIn(answer));
    return 0;
  });
  if (!socket.ok) throw new Error(socket.problem.code);
  let count = 0;
  return {
    ask(name) {
      count += 1;
      const id = count & 0xffff;
      return new Promise(resolve => {
        const timer = setTimeout(() => settle(id, undefined), lostMs);
        waiting.set(id, answer => {
          clearTimeout(timer);
          resolve(answer);
        });
        socket.value.send(questionBytes(name, { id }), to);
      });
    },
    close: () => socket.value.close(),
  };
}
