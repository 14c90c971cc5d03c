import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../ports/log.ts';
import { BadChunk } from './body.ts';
import { EngineLink, type EnginePlace } from './engine-link.ts';
import { Exchange, type Next, Refused } from './exchange.ts';
import { parseRequestHead } from './head.ts';
import { type HeadBytes, Source } from './source.ts';
import { answerBytes, write } from './wire.ts';

/** Looks into requests: answers some itself, and lets all others pass. */
export type Attendant = (exchange: Exchange) => Promise<Next>;

/** How long a client that still sends may take to see that it was answered. */
const LINGER_MS = 1_000;

const WRONG = {
  long: { status: 431, message: 'the head of the request is too long' },
  line: { status: 400, message: 'a line of the head does not end in CR LF' },
  slow: { status: 408, message: 'the head of the request did not come' },
} as const;

/** All that one client asks over one connection, until either side ends it. */
export class Conversation {
  readonly #client: Source;
  readonly #place: EnginePlace;
  readonly #attend: Attendant;
  readonly #log: Log;
  #link: EngineLink | undefined;

  constructor(socket: Socket, place: EnginePlace, attend: Attendant, log: Log) {
    this.#client = new Source(socket);
    this.#place = place;
    this.#attend = attend;
    this.#log = log;
    // Its end says all.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#link?.close());
  }

  async run(): Promise<void> {
    const { socket } = this.#client;
    while (true) {
      const read = await this.#client.head();
      if (read === undefined || (await this.#answer(read)) === 'end') break;
      const link = this.#link;
      link?.source.whenOver(() => link.close());
    }
    socket.end();
    this.#link?.socket.end();
    if (!this.#client.isOver) {
      const gone = new Promise<void>(resolve => this.#client.whenOver(resolve));
      await Promise.race([gone, delay(LINGER_MS, undefined, { ref: false })]);
    }
    socket.destroySoon();
    this.#link?.close();
  }

  async #answer(read: Exclude<HeadBytes, undefined>): Promise<Next> {
    if ('wrong' in read) return this.#refuse(WRONG[read.wrong].status, WRONG[read.wrong].message);
    const parsed = parseRequestHead(read.bytes);
    if ('refusal' in parsed) return this.#refuse(parsed.refusal.status, parsed.refusal.why);
    const request = { head: parsed.head, bytes: read.bytes };
    try {
      return await this.#attend(new Exchange(request, this.#client, () => this.#dial()));
    } catch (error) {
      if (error instanceof Refused) return this.#refuse(error.status, error.message);
      if (error instanceof BadChunk) return this.#refuse(400, error.message);
      this.#log.error('a request to the proxy failed', { target: parsed.head.target, error: String(error) });
      return this.#refuse(500, 'the proxy failed to answer; the log of the router says why');
    }
  }

  async #refuse(status: number, message: string): Promise<'end'> {
    await write(this.#client.socket, answerBytes(status, { message }, true));
    return 'end';
  }

  /** The same as long as the engine keeps it. */
  async #dial(): Promise<EngineLink> {
    if (this.#link !== undefined && !this.#link.source.isOver) {
      this.#link.source.whenOver(undefined);
      return this.#link;
    }
    const link = await EngineLink.dial(this.#place);
    if (typeof link === 'string') throw new Refused(503, `the Docker engine can't be reached: ${link}`);
    this.#link = link;
    if (this.#client.socket.destroyed) link.close();
    return link;
  }
}
