import { formatCidr, type Mac, type PeerId } from '../address.ts';
import { largestFree } from '../ipam/allocator.ts';
import {
  CUSTODY_KEY,
  type Custody,
  type Division,
  encodeCustody,
  HEIRS_MAX,
  IPAM,
  isSameDivision,
} from '../ipam/custody.ts';
import { give, inherit, settle, take, yieldTo } from '../ipam/ledger.ts';
import { shareOf } from '../ipam/shares.ts';
import { encodeWant, WANT_KEY, type Want } from '../ipam/want.ts';
import {
  type HeldRange,
  overlaps,
  type Range,
  sizeOf,
  totalOf,
  upperHalf,
  within,
  without,
} from '../range.ts';
import type { Context } from './context.ts';
import { Election } from './election.ts';
import { defaultName } from './peer-name.ts';
import type { IpamConfig } from './step.ts';

/**
 * What this host may give out: its own word about it, which nobody else can change. All of it is decided by own facts and
 * by what others say of themselves; a grant moves a range from one fact to another, and is in one of them at any time.
 */
export class Custodian {
  readonly #context: Context;
  readonly #config: IpamConfig;
  readonly #used: () => Iterable<number>;
  readonly #election: Election;
  readonly #name: Mac;

  constructor(context: Context, config: IpamConfig, name: Mac, used: () => Iterable<number>) {
    this.#context = context;
    this.#config = config;
    this.#name = name;
    this.#used = used;
    this.#election = new Election(context, config, name);
  }

  get own(): Custody | undefined {
    const own = this.#context.ring.custody(this.#context.config.self);
    // One that an earlier launch with another range has left holds nothing, or there would be no launch.
    const isOurs =
      own !== undefined && formatCidr(own.division.universe) === formatCidr(this.#config.universe);
    return isOurs ? own : undefined;
  }

  /** How the universe was divided, as far as this host knows; only a peer with the same one counts. */
  get division(): Division | undefined {
    return this.own?.division ?? this.#others() ?? this.#election.result();
  }

  /** Why there is no division yet, for a person. */
  get waitsFor(): string {
    const [other] = this.strangers();
    if (other === undefined) return this.#election.describe();
    const nickname = this.#context.topology.host(other.peer)?.nickname ?? other.peer;
    const [theirs, ours] = [other.division.universe, this.#config.universe].map(formatCidr);
    return `${nickname} gives out ${theirs}, and this host was launched with --ipalloc-range ${ours}: all hosts take the same`;
  }

  /** Peers that divided the universe in another way: nothing that they say of addresses counts here. */
  strangers(): readonly { readonly peer: PeerId; readonly division: Division }[] {
    const { ring } = this.#context;
    const mine = this.division;
    return ring.peers().flatMap(peer => {
      const division = ring.custody(peer)?.division;
      const isMine = division !== undefined && mine !== undefined && isSameDivision(division, mine);
      return division === undefined || isMine ? [] : [{ peer, division }];
    });
  }

  /** What of the first division no peer has taken, by the name of the seed that it is for. */
  untaken(): readonly { readonly name: Mac; readonly addresses: number }[] {
    const { division } = this;
    if (division === undefined) return [];
    return division.seeds.flatMap(name => {
      const left = this.#untaken(division, name);
      return left.length === 0 ? [] : [{ name, addresses: totalOf(left) }];
    });
  }

  /** Brings the own facts to what others ask for. `needed`: somebody waits for an address. */
  review(needed: boolean, estates: readonly PeerId[]): void {
    const own = this.own ?? this.#begin(needed);
    if (own === undefined) return;
    const { config, ring } = this.#context;
    const offers = ring.offersTo(config.self).filter(({ from }) => {
      const division = ring.custody(from)?.division;
      return division !== undefined && isSameDivision(division, own.division);
    });
    const enriched = estates.reduce((sofar, peer) => this.#inherit(sofar, peer), take(own, offers));
    let next = yieldTo(enriched, config.self, ring.holdings(own.division));
    next = settle(next, config.self, ring);
    next = this.#serve(next);
    this.#write(this.own, next);
  }

  /** Tells whom this host asks for space; `undefined` ends it. */
  want(want: Want | undefined): void {
    this.#context.write([{ domain: IPAM, key: WANT_KEY, value: want && encodeWant(want) }]);
  }

  /** Gives everything to `heir`: this host leaves. */
  bequeath(heir: PeerId): void {
    const { own } = this;
    const next = own && give(own, heir, { start: 0, end: 2 ** 32 });
    if (own !== undefined && next !== undefined) this.#write(own, next);
  }

  /** What a removed peer had when its facts stopped counting; its share where it had not even taken that. */
  #inherit(own: Custody, peer: PeerId): Custody {
    const { removals, ring, topology } = this.#context;
    const name = topology.host(peer)?.name ?? defaultName(this.#context, peer);
    const theirs = ring.custody(peer)?.ranges ?? this.#untaken(own.division, name);
    const others = ring.holdings(own.division);
    return inherit(own, peer, removals.limit(peer) ?? 0, theirs, ring.offersTo(peer), others);
  }

  /** The division that others have: the first whose universe is ours. */
  #others(): Division | undefined {
    const { ring } = this.#context;
    const universe = formatCidr(this.#config.universe);
    for (const peer of ring.peers()) {
      const division = ring.custody(peer)?.division;
      if (division !== undefined && formatCidr(division.universe) === universe) return division;
    }
    return undefined;
  }

  /** The first custody of this host: its share, where it is one of the seeds. */
  #begin(needed: boolean): Custody | undefined {
    const { init, universe } = this.#config;
    const found = this.#others() ?? (init.kind === 'seed' ? { universe, seeds: init.names } : undefined);
    const division = found ?? this.#election.review(needed || this.#isWanted());
    if (division === undefined) return undefined;
    const ranges = this.#isNamesake() ? [] : this.#untaken(division, this.#name);
    return { division, ranges, grants: [], granted: 0, received: new Map(), inherited: new Map(), heirs: [] };
  }

  /** Whether another had this host's name first: the share under that name is the other's, or whose it has come to since. */
  #isNamesake(): boolean {
    const { config, topology } = this.#context;
    const first = topology.named(this.#name);
    return first !== undefined && first !== config.self;
  }

  /** What nobody holds of the share of a seed. */
  #untaken(division: Division, name: Mac): readonly HeldRange[] {
    return this.#context.ring
      .holdings(division)
      .reduce<readonly HeldRange[]>((rest, held) => without(rest, held), shareOf(division, name));
  }

  #isWanted(): boolean {
    return this.#context.ring.wants().size > 0;
  }

  /** Gives to those who ask: half of the largest free run, or the very address that is wanted. */
  #serve(own: Custody): Custody {
    const { config, ring } = this.#context;
    let next = own;
    for (const [peer, want] of ring.wants()) {
      if (want.of !== config.self || peer === config.self || !this.#isThere(peer)) continue;
      const theirs = ring.custody(peer)?.division;
      if (theirs !== undefined && !isSameDivision(theirs, own.division)) continue;
      if (next.grants.some(grant => grant.to === peer && overlaps(grant, want))) continue;
      const part = this.#spare(next, want);
      next = (part && give(next, peer, part)) ?? next;
    }
    return next;
  }

  /** Whether a peer was not removed, or has come back and said so in all that matters here. */
  #isThere(peer: PeerId): boolean {
    const { removals, replica } = this.#context;
    if (removals.limit(peer) === undefined) return true;
    return [CUSTODY_KEY, WANT_KEY].every(key => {
      const entry = replica.get(peer, IPAM, key);
      return entry !== undefined && removals.counts(entry);
    });
  }

  #spare({ ranges }: Custody, want: Range): Range | undefined {
    const held = within(ranges, want);
    if (held.length === 0) return undefined;
    const run = largestFree(held, this.#used());
    return run !== undefined && sizeOf(want) > 1 ? upperHalf(run) : run;
  }

  #write(before: Custody | undefined, next: Custody): void {
    const heirs = this.#heirs(next);
    const isSame = before !== undefined && next === before && before.heirs.join() === heirs.join();
    if (isSame) return;
    if (restsOnOthers(before, next)) this.#context.saveOthers();
    const value = encodeCustody({ ...next, heirs });
    this.#context.write([{ domain: IPAM, key: CUSTODY_KEY, value }]);
  }

  /** Those who hold space and come next after this peer, in the order of ids. */
  #heirs({ division, heirs }: Custody): readonly PeerId[] {
    const { config, ring } = this.#context;
    const holders = ring.peers().filter(peer => {
      const custody = ring.custody(peer);
      return peer !== config.self && custody !== undefined && isSameDivision(custody.division, division);
    });
    if (heirs.length > 0 && heirs.every(heir => holders.includes(heir))) return heirs;
    const after = holders.filter(peer => peer > config.self);
    return [...after, ...holders.filter(peer => peer < config.self)].slice(0, HEIRS_MAX);
  }
}

/**
 * Whether a change follows from the word of others: that is stored before it. A store that held an older one would have this
 * host take a grant again that it forgot to have taken, or believe of one that is gone that it never got what it was given.
 */
function restsOnOthers(before: Custody | undefined, next: Custody): boolean {
  const givers = new Set([...(before?.received.keys() ?? []), ...next.received.keys()]);
  const hasTaken = [...givers].some(giver => before?.received.get(giver) !== next.received.get(giver));
  return hasTaken || (before?.grants.some(grant => !next.grants.includes(grant)) ?? false);
}
