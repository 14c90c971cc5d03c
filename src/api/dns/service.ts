import { type Cidr, toNumber } from '../../core/address.ts';
import { ok, type Result } from '../../core/errors.ts';
import type { ListenPlace, NameRecord, NameServerReport } from '../../ports/name-server.ts';
import type { Datagrams, Sockets, Source } from '../../ports/sockets.ts';
import { answerFrom, datagramLimit, writeRefusal } from './answer.ts';
import { RCODE } from './message.ts';
import { readQuestion } from './question.ts';
import { NameTable } from './table.ts';

export interface ServiceOptions {
  /** Without a dot at its end. */
  readonly zone: string;
  /** Seconds that an answer may be kept. */
  readonly ttl: number;
}

/** A place where we listen. */
interface Post {
  readonly place: ListenPlace;
  readonly datagrams: Datagrams;
}

/** The server, as it runs in its thread. */
export class DnsService {
  readonly #sockets: Sockets;
  readonly #table: NameTable;
  readonly #posts = new Map<string, Post>();

  constructor(options: ServiceOptions, sockets: Sockets) {
    this.#sockets = sockets;
    this.#table = new NameTable(options.zone, options.ttl);
  }

  publish(records: readonly NameRecord[]): readonly string[] {
    return this.#table.publish(records);
  }

  listen(places: readonly ListenPlace[]): Result<void> {
    const wanted = new Map(places.map(place => [JSON.stringify(place), place]));
    const opened = new Map<string, Post>();
    // Who is allowed may change where the socket is still the same.
    const leaving = [...this.#posts].filter(([key]) => !wanted.has(key));
    for (const [key, place] of wanted) {
      if (this.#posts.has(key)) continue;
      const post = this.#open(place);
      if (!post.ok) {
        for (const each of opened.values()) each.datagrams.close();
        return post;
      }
      opened.set(key, post.value);
    }
    for (const [key, post] of leaving) {
      post.datagrams.close();
      this.#posts.delete(key);
    }
    for (const [key, post] of opened) this.#posts.set(key, post);
    return ok(undefined);
  }

  report(): Omit<NameServerReport, 'restarts'> {
    return {
      places: [...this.#posts.values()].map(({ place }) => place),
      names: this.#table.names,
      addresses: this.#table.addresses,
      upstreams: [],
      counters: {},
    };
  }

  close(): void {
    for (const { datagrams } of this.#posts.values()) datagrams.close();
    this.#posts.clear();
  }

  #open(place: ListenPlace): Result<Post> {
    const isAllowed = sourceCheck(place.allowed);
    const datagrams = this.#sockets.datagrams(place, (query, source, into) =>
      this.#answer(query, isAllowed(source), into),
    );
    return datagrams.ok ? ok({ place, datagrams: datagrams.value }) : datagrams;
  }

  #answer(query: Buffer, isAllowed: boolean, into: Buffer): number {
    const question = readQuestion(query);
    if (question === undefined) return 0;
    if (typeof question === 'number') return writeRefusal(query, undefined, question, into);
    if (!isAllowed) return writeRefusal(query, question, RCODE.refused, into);
    return (
      answerFrom(this.#table, query, question, datagramLimit(question.edns), into) ??
      writeRefusal(query, question, RCODE.failed, into)
    );
  }
}

function sourceCheck(allowed: readonly Cidr[]): (source: Source) => boolean {
  const ranges = allowed.map(({ address, prefix }) => {
    const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
    return { mask, network: (toNumber(address)! & mask) >>> 0 };
  });
  return ({ address }) => ranges.some(({ mask, network }) => (address & mask) >>> 0 === network);
}
