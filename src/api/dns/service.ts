import { type Cidr, fromNumber, toNumber } from '../../core/address.ts';
import { Allowance } from '../../core/allowance.ts';
import { ok, type Result } from '../../core/errors.ts';
import type { ListenPlace, Membership, NameRecord, NameServerReport } from '../../ports/name-server.ts';
import type { Answerer, Datagrams, Sockets, Source } from '../../ports/sockets.ts';
import { answerFrom, datagramLimit, writeRefusal } from './answer.ts';
import { LARGEST_MESSAGE } from './frames.ts';
import { FLAG, RCODE } from './message.ts';
import { type Question, readQuestion } from './question.ts';
import { serveStream } from './stream.ts';
import type { NameTable } from './table.ts';
import { Upstream } from './upstream.ts';
import { Zone } from './zone.ts';

export interface ServiceOptions {
  /** Without a dot at its end. */
  readonly zone: string;
  /** Seconds that an answer may be kept. */
  readonly ttl: number;
  /** Path of a resolv.conf(5) that names the servers for all other names. */
  readonly resolvConf: string;
  /** Where those listen; 53 if not given. */
  readonly upstreamPort?: number;
}

/** Who is answered at a place, and out of what. */
interface Rules {
  readonly place: ListenPlace;
  isAllowed(source: Source): boolean;
  tableFor(from: number): NameTable;
}

/** A place where we listen. */
interface Post {
  rules: Rules;
  readonly datagrams: Datagrams;
  readonly stream: { close(): void };
}

type Counter = 'answered' | 'forwarded' | 'failed' | 'refused' | 'malformed' | 'loops' | 'limited';

/** Questions of one source: who asks more is not answered for a moment, so that the others are. */
const QUESTIONS = { burst: 20_000, perSecond: 20_000 };

/** Questions that wait for the names: later ones are lost. */
const MOST_HELD = 1_024;

/** What is put together for one answer, before it leaves. */
const SCRATCH = Buffer.alloc(LARGEST_MESSAGE);

/** The server, as it runs in its thread. */
export class DnsService {
  readonly #sockets: Sockets;
  readonly #zone: Zone;
  /** What is heard by who is on several networks, by its address as a number. */
  #memberships: ReadonlyMap<number, NameTable> = new Map();
  readonly #posts = new Map<string, Post>();
  readonly #upstream: Upstream;
  readonly #allowance = new Allowance<number>(QUESTIONS);
  /** What came before there were names to answer from; undefined when there are. */
  #held: (() => void)[] | undefined = [];
  readonly #counters: Record<Counter, number> = {
    ...{ answered: 0, forwarded: 0, failed: 0, refused: 0, malformed: 0, loops: 0, limited: 0 },
  };

  constructor(options: ServiceOptions, sockets: Sockets) {
    const { resolvConf, ttl, upstreamPort, zone } = options;
    this.#sockets = sockets;
    this.#zone = new Zone(zone, ttl);
    this.#upstream = new Upstream(resolvConf, address => this.#isOwn(address), upstreamPort);
  }

  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  publish(records: readonly NameRecord[]): readonly string[] {
    return this.#zone.publish(records);
  }

  belong(memberships: readonly Membership[]): void {
    this.#memberships = new Map(
      memberships.map(({ address, networks }) => [toNumber(address)!, this.#zone.on(networks)]),
    );
  }

  listen(places: readonly ListenPlace[]): Result<void> {
    const wanted = new Map(places.map(place => [socketOf(place), place]));
    const opened = new Map<string, Post>();
    for (const [key, place] of wanted) {
      if (this.#posts.has(key)) continue;
      const post = this.#open(place);
      if (!post.ok) {
        for (const each of opened.values()) close(each);
        return post;
      }
      opened.set(key, post.value);
    }
    for (const [key, post] of this.#posts) {
      const place = wanted.get(key);
      // Who is answered may change where the socket stays.
      if (place !== undefined) post.rules = this.#rulesOf(place);
      else {
        close(post);
        this.#posts.delete(key);
      }
    }
    for (const [key, post] of opened) this.#posts.set(key, post);
    return ok(undefined);
  }

  report(): Omit<NameServerReport, 'restarts'> {
    return {
      places: [...this.#posts.values()].map(({ rules }) => rules.place),
      names: this.#zone.names,
      addresses: this.#zone.addresses,
      upstreams: this.#upstream.report(),
      counters: { ...this.#counters },
    };
  }

  close(): void {
    for (const post of this.#posts.values()) close(post);
    this.#posts.clear();
  }

  #rulesOf(place: ListenPlace): Rules {
    const { network } = place;
    const common = this.#zone.on(network === undefined ? undefined : [network]);
    return {
      place,
      isAllowed: sourceCheck(place.allowed),
      tableFor: from => (network === undefined ? common : (this.#memberships.get(from) ?? common)),
    };
  }

  #open(place: ListenPlace): Result<Post> {
    const post = { rules: this.#rulesOf(place) };
    const take: Answerer = (query, source, into) => {
      const asked = this.#answer(post.rules.tableFor(source.address), query, {
        from: source.address,
        isAllowed: post.rules.isAllowed(source),
        overTcp: false,
        into,
      });
      if (typeof asked === 'number') return asked;
      const { address, port } = source;
      void this.#forward(asked, false).then(bytes => send(bytes, { address, port }));
      return 0;
    };
    const datagrams = this.#sockets.datagrams(place, (query, source, into) => {
      if (this.#held === undefined) return take(query, source, into);
      const kept = Buffer.from(query);
      this.#hold(() => {
        const length = take(kept, source, SCRATCH);
        if (length > 0) send(Buffer.from(SCRATCH.subarray(0, length)), source);
      });
      return 0;
    });
    const send = (bytes: Buffer, to: Source): void => {
      if (datagrams.ok) datagrams.value.send(bytes, to);
    };
    if (!datagrams.ok) return datagrams;
    const bound = this.#sockets.stream(place);
    if (!bound.ok) {
      datagrams.value.close();
      return bound;
    }
    const stream = serveStream(bound.value, async (query, address) => {
      if (this.#held !== undefined) await new Promise<void>(resolve => this.#hold(resolve));
      const asked = this.#answer(post.rules.tableFor(address), query, {
        from: address,
        isAllowed: post.rules.isAllowed({ address, port: 0 }),
        overTcp: true,
        into: SCRATCH,
      });
      if (typeof asked !== 'number') return this.#forward(asked, true);
      return asked === 0 ? undefined : Buffer.from(SCRATCH.subarray(0, asked));
    });
    return ok(Object.assign(post, { datagrams: datagrams.value, stream }));
  }

  #hold(answer: () => void): void {
    if (this.#held !== undefined && this.#held.length < MOST_HELD) this.#held.push(answer);
  }

  /** Gives the length of the answer, 0 where there is to be none, or the question where it is for others to answer. */
  #answer(table: NameTable, query: Buffer, { from, isAllowed, overTcp, into }: Asker): number | Asked {
    if (!this.#allowance.spend(from, 1, performance.now())) return this.#count('limited', 0);
    const question = readQuestion(query);
    if (question === undefined) return this.#count('malformed', 0);
    if (typeof question === 'number')
      return this.#count('malformed', writeRefusal(query, undefined, question, into));
    if (!isAllowed) return this.#count('refused', writeRefusal(query, question, RCODE.refused, into));
    if ((question.edns?.version ?? 0) > 0)
      return this.#count('malformed', writeRefusal(query, question, RCODE.badVersion, into));
    const limit = overTcp ? LARGEST_MESSAGE : datagramLimit(question.edns);
    const known = answerFrom(table, query, question, limit, into);
    if (known !== undefined) return this.#count('answered', known);
    if (this.#upstream.isServer(fromNumber(from)) && this.#upstream.isUnderWay(query, overTcp))
      return this.#count('loops', writeRefusal(query, question, RCODE.refused, into));
    return { query: Buffer.from(query), question };
  }

  /** What other servers say; a datagram that would be too long only says that there is more. */
  async #forward({ query, question }: Asked, overTcp: boolean): Promise<Buffer> {
    const answer = await this.#upstream.ask(query, overTcp);
    this.#count(answer === undefined ? 'failed' : 'forwarded', 0);
    if (answer !== undefined && (overTcp || answer.length <= datagramLimit(question.edns))) return answer;
    const rcode = answer === undefined ? RCODE.failed : RCODE.ok;
    const refusal = Buffer.from(SCRATCH.subarray(0, writeRefusal(query, question, rcode, SCRATCH)));
    if (answer !== undefined) refusal.writeUInt16BE(refusal.readUInt16BE(2) | FLAG.truncated, 2);
    return refusal;
  }

  #count(counter: Counter, length: number): number {
    this.#counters[counter] += 1;
    return length;
  }

  #isOwn(address: string): boolean {
    return [...this.#posts.values()].some(({ rules }) => rules.place.address === address);
  }
}

/** Who asks, and where the answer goes. */
interface Asker {
  readonly from: number;
  readonly isAllowed: boolean;
  readonly overTcp: boolean;
  readonly into: Buffer;
}

/** A question that the zone has no answer to. */
interface Asked {
  readonly query: Buffer;
  readonly question: Question;
}

/** Places with one socket differ in who is answered there. */
const socketOf = ({ address, namespace, port }: ListenPlace): string =>
  JSON.stringify([address, port, namespace]);

function close({ datagrams, stream }: Post): void {
  datagrams.close();
  stream.close();
}

function sourceCheck(allowed: readonly Cidr[]): (source: Source) => boolean {
  const ranges = allowed.map(({ address, prefix }) => {
    const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
    return { mask, network: (toNumber(address)! & mask) >>> 0 };
  });
  return ({ address }) => ranges.some(({ mask, network }) => (address & mask) >>> 0 === network);
}
