import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { UpstreamReport } from '../../ports/name-server.ts';
import { exchangeFrames } from './frames.ts';
import { FLAG, HEADER, RCODE } from './message.ts';
import { ResolvConf } from './resolv-conf.ts';

/** Where servers listen that resolv.conf(5) names. */
const PORT = 53;
/** The next is asked, too, when one has said nothing for so long. */
const PATIENCE_MS = 300;
/** By then who asked has given up. */
const TIMEOUT_MS = 5_000;
/** Questions under way: who could fill the memory asks for names that nobody answers. */
const MOST_UNDER_WAY = 512;

interface Tally {
  asked: number;
  answered: number;
  trouble: string | undefined;
}

/**
 * The servers that are asked for all names that the mesh does not know: those of resolv.conf(5), the next one whenever the
 * ones before are slow. Each question leaves from a port and with a number of its own, by chance, so that nobody can guess
 * an answer; equal questions that are under way at once leave as one.
 */
export class Upstream {
  readonly #conf: ResolvConf;
  readonly #port: number;
  readonly #isOwn: (address: string) => boolean;
  readonly #underWay = new Map<string, Promise<Buffer | undefined>>();
  readonly #tallies = new Map<string, Tally>();

  constructor(resolvConf: string, isOwn: (address: string) => boolean, port = PORT) {
    this.#conf = new ResolvConf(resolvConf);
    this.#isOwn = isOwn;
    this.#port = port;
  }

  /** Whether this question is under way: one that a server asks which it was handed to goes round in a circle. */
  isUnderWay(query: Buffer, overTcp: boolean): boolean {
    return this.#underWay.has(keyOf(query, overTcp));
  }

  isServer(address: string): boolean {
    return this.#servers().includes(address);
  }

  /** An answer with the number of the question; undefined where no server gives one, or none is asked. */
  async ask(query: Buffer, overTcp: boolean): Promise<Buffer | undefined> {
    const key = keyOf(query, overTcp);
    const shared = this.#underWay.get(key);
    const pending = shared ?? this.#begin(key, Buffer.from(query), overTcp);
    const answer = await pending;
    if (answer === undefined) return undefined;
    const own = Buffer.from(answer);
    query.copy(own, 0, 0, 2);
    return own;
  }

  report(): readonly UpstreamReport[] {
    return this.#servers().map(address => ({ address, ...this.#tally(address) }));
  }

  #servers(): readonly string[] {
    return this.#conf.servers(this.#isOwn);
  }

  #tally(address: string): Tally {
    const tally = this.#tallies.get(address) ?? { asked: 0, answered: 0, trouble: undefined };
    this.#tallies.set(address, tally);
    return tally;
  }

  #begin(key: string, query: Buffer, overTcp: boolean): Promise<Buffer | undefined> {
    const servers = this.#servers();
    if (servers.length === 0 || this.#underWay.size >= MOST_UNDER_WAY) return Promise.resolve(undefined);
    query.writeUInt16BE(randomInt(0x10000), 0);
    const answer = this.#askAll(servers, query, overTcp).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  /** The first answer counts; one that says that a server can't, only where no other says anything. */
  #askAll(servers: readonly string[], query: Buffer, overTcp: boolean): Promise<Buffer | undefined> {
    return new Promise(resolve => {
      const ends: (() => void)[] = [];
      let poor: Buffer | undefined;
      let next = 0;
      let open = 0;
      let patience: NodeJS.Timeout | undefined;
      const finish = (answer: Buffer | undefined): void => {
        clearTimeout(patience);
        clearTimeout(timeout);
        for (const end of ends.splice(0)) end();
        resolve(answer);
      };
      const askNext = (): void => {
        clearTimeout(patience);
        const server = servers[next];
        if (server === undefined) return open === 0 ? finish(poor) : undefined;
        next += 1;
        open += 1;
        patience = setTimeout(askNext, PATIENCE_MS);
        const tally = this.#tally(server);
        tally.asked += 1;
        let isOver = false;
        const lost = (why: string): void => {
          if (isOver) return;
          isOver = true;
          tally.trouble = why;
          open -= 1;
          askNext();
        };
        const heard = (bytes: Buffer): void => {
          if (isOver || !answers(query, bytes)) return;
          tally.answered += 1;
          tally.trouble = undefined;
          const rcode = bytes[3]! & 15;
          if (rcode !== RCODE.failed && rcode !== RCODE.refused) return finish(bytes);
          poor ??= bytes;
          lost(rcode === RCODE.failed ? 'it could not find out' : 'it refused');
        };
        const place = { host: server, port: this.#port };
        ends.push(
          overTcp ? exchangeFrames(place, query, heard, lost) : exchangeDatagrams(place, query, heard, lost),
        );
      };
      const timeout = setTimeout(() => {
        for (const server of servers.slice(0, next)) this.#tally(server).trouble ??= 'no answer';
        finish(poor);
      }, TIMEOUT_MS);
      askNext();
    });
  }
}

/** What makes two questions one, but for their numbers. */
const keyOf = (query: Buffer, overTcp: boolean): string =>
  `${overTcp ? 't' : 'u'}${query.toString('latin1', 2)}`;

/** Whether this is an answer to the very question: its number, and the question as it was asked. */
function answers(query: Buffer, bytes: Buffer): boolean {
  if (bytes.length < HEADER || bytes.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((bytes.readUInt16BE(2) & FLAG.response) === 0) return false;
  // A server that can't read a question may leave it out.
  if (bytes.readUInt16BE(4) === 0) return (bytes[3]! & 15) !== RCODE.ok;
  let end = HEADER;
  while (end < query.length && query[end] !== 0) end += 1 + query[end]!;
  const asked = query.toString('latin1', HEADER, end + 5).toLowerCase();
  return bytes.toString('latin1', HEADER, end + 5).toLowerCase() === asked;
}

function exchangeDatagrams(
  { host, port }: { readonly host: string; readonly port: number },
  query: Buffer,
  heard: (bytes: Buffer) => void,
  failed: (why: string) => void,
): () => void {
  const socket = createSocket(isIPv6(host.split('%')[0]!) ? 'udp6' : 'udp4');
  let isOpen = true;
  socket.on('message', heard);
  socket.on('error', error => failed((error as NodeJS.ErrnoException).code ?? error.message));
  // Connected: what comes from anywhere else never gets here.
  socket.connect(port, host, () => {
    if (isOpen) socket.send(query);
  });
  return () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
}
