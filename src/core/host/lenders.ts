import { compare, type PeerId, toNumber } from '../address.ts';
import type { Problem } from '../errors.ts';
import { includes, type Range, sizeOf, totalOf, within } from '../range.ts';
import type { Context } from './context.ts';
import type { Custodian } from './custodian.ts';
import type { Neighbours } from './neighbours.ts';
import type { Reserved } from './reserved.ts';
import type { Millis } from './step.ts';

/** Who was asked and has given nothing for so long has nothing to give: another is asked. */
const PATIENCE_MS = 1_000;

interface Holder {
  readonly peer: PeerId;
  /** Addresses that nobody is known to have. */
  readonly free: number;
}

interface Asked {
  readonly of: PeerId;
  readonly range: Range;
  readonly at: Millis;
}

/** Where space is that this host lacks, and who is asked for it. */
export class Lenders {
  readonly #context: Context;
  readonly #neighbours: Neighbours;
  readonly #custodian: Custodian;
  /** Addresses that nobody gets. */
  readonly #reserved: Reserved;
  #asked: Asked | undefined;
  /** Those that have not given any, for what is asked now. */
  #tried = new Set<PeerId>();

  constructor(context: Context, neighbours: Neighbours, custodian: Custodian, reserved: Reserved) {
    this.#reserved = reserved;
    this.#context = context;
    this.#neighbours = neighbours;
    this.#custodian = custodian;
  }

  /** Asks for space in `range`; undefined asks for none any more. Gives when to look again. */
  ask(range: Range | undefined): Millis {
    const { now } = this.#context;
    const before = this.#asked;
    if (range === undefined || range.start !== before?.range.start || range.end !== before.range.end) {
      if (before !== undefined || this.#isLeftOver()) this.#tell(undefined);
      this.#tried.clear();
      if (range === undefined) return Number.POSITIVE_INFINITY;
    } else if (now() - before.at < PATIENCE_MS) return before.at + PATIENCE_MS;
    else this.#tried.add(before.of);
    const of = this.#choose(range);
    if (of === undefined) return now() + PATIENCE_MS;
    this.#tell({ of, range, at: now() });
    return now() + PATIENCE_MS;
  }

  /** Why nobody has given anything in `range`, for a person. */
  describe(range: Range, value: string): Problem {
    const holders = this.#holders(range);
    const reachable = this.reachable();
    const silent = holders.filter(({ peer }) => !reachable.has(peer));
    if (sizeOf(range) === 1 && holders[0] !== undefined) {
      const { peer } = holders[0];
      return silent.length > 0
        ? { code: 'space-silent', value, holders: this.#label(peer) }
        : { code: 'address-elsewhere', value, host: this.#nickname(peer) };
    }
    const missing = silent.filter(({ free }) => free > 0);
    if (missing.length === 0) return { code: 'space-exhausted', value };
    return { code: 'space-silent', value, holders: missing.map(({ peer }) => this.#label(peer)).join(', ') };
  }

  /** A wish of an earlier run: two hosts with such would hand on one address to each other for ever. */
  #isLeftOver(): boolean {
    const { config, ring } = this.#context;
    return ring.wants().has(config.self);
  }

  #tell(asked: Asked | undefined): void {
    this.#asked = asked;
    this.#custodian.want(asked && { of: asked.of, ...asked.range });
  }

  /** One that can be reached, at random by how much is free there; those that gave nothing last. */
  #choose(range: Range): PeerId | undefined {
    const reachable = this.reachable();
    const here = this.#holders(range).filter(({ peer, free }) => reachable.has(peer) && free > 0);
    if (here.length === 0) return undefined;
    if (here.every(({ peer }) => this.#tried.has(peer))) this.#tried.clear();
    const left = here.filter(({ peer }) => !this.#tried.has(peer));
    let point = this.#context.random.fraction() * left.reduce((sum, { free }) => sum + free, 0);
    return left.find(({ free }) => {
      point -= free;
      return point < 0;
    })?.peer;
  }

  /** Peers that can be asked: told of by those that are heard. */
  reachable(): ReadonlySet<PeerId> {
    const { config, topology } = this.#context;
    const reached = new Set(topology.reachable(config.self));
    reached.delete(config.self);
    return reached;
  }

  /** The others that hold some of `range`, sorted by id. */
  #holders(range: Range): readonly Holder[] {
    const { config, endpoints, ring } = this.#context;
    const { division } = this.#custodian;
    if (division === undefined) return [];
    const parts = within(ring.holdings(division), range).filter(({ owner }) => owner !== config.self);
    const held = [...endpoints.all()].flatMap(([claim]) => (claim && toNumber(claim.endpoint.address)) ?? []);
    const used = [...new Set([...held, ...this.#reserved.now()])].filter(number => includes(range, number));
    const peers = [...new Set(parts.map(({ owner }) => owner))].sort(compare);
    return peers.map(peer => {
      const theirs = parts.filter(({ owner }) => owner === peer);
      const taken = used.filter(number => theirs.some(part => includes(part, number))).length;
      return { peer, free: totalOf(theirs) - taken };
    });
  }

  #nickname(peer: PeerId): string {
    return this.#context.topology.host(peer)?.nickname ?? peer;
  }

  #label(peer: PeerId): string {
    const silence = this.#neighbours.unheard(peer);
    const since = silence === undefined ? 'out of reach' : `silent for ${Math.round(silence / 1_000)} s`;
    return `${this.#nickname(peer)} (${since})`;
  }
}
