import {
  type Cidr,
  contains,
  formatCidr,
  fromNumber,
  type Ipv4,
  type Mac,
  type PeerId,
  toNumber,
} from '../address.ts';
import { describe, ok, type Problem, type Result, refuse } from '../errors.ts';
import { Allocator, reservedIn } from '../ipam/allocator.ts';
import { subnetProblem } from '../ipam/subnet.ts';
import { DEFAULT_NETWORK } from '../networks/network.ts';
import { includes, type Range, rangeOf, sizeOf, totalOf } from '../range.ts';
import { type Allocation, allocationKey, decodeAllocation, encodeAllocation } from './allocation.ts';
import { describeHolder } from './attachable.ts';
import type { Context } from './context.ts';
import { Custodian } from './custodian.ts';
import type { Expulsion } from './expulsion.ts';
import { Lenders } from './lenders.ts';
import type { Neighbours } from './neighbours.ts';
import { Reserved } from './reserved.ts';
import type { IpamConfig, Millis } from './step.ts';

/** Somebody who waits for an address. */
interface Request {
  readonly owner: string;
  /** Where the address has to lie; one address alone where that very one is asked for. */
  readonly range: Range;
  readonly prefix: number;
  readonly deadline: Millis;
  readonly done: (result: Result<Cidr>) => void;
}

/** Which address of a subnet is meant. */
interface Selection {
  /** None of these. */
  readonly not?: readonly Cidr[];
  /** One of this part of the subnet; it has the subnet's prefix nevertheless. */
  readonly within?: Cidr;
}

/** Somebody who waits until there are addresses to give. */
type Primer = Pick<Request, 'deadline'> & { readonly done: (result: Result<void>) => void };

/**
 * Gives this host's containers their addresses: out of what this host holds, which takes no other host, or of what others
 * give it. What is given is only in memory until it is kept: who asked may fail.
 */
export class Addressing {
  readonly custodian: Custodian;
  readonly #context: Context;
  readonly #config: IpamConfig;
  readonly #lenders: Lenders;
  readonly #expulsion: Expulsion;
  readonly #allocator = new Allocator();
  readonly #prefixes = new Map<number, number>();
  readonly #kept = new Set<number>();
  /** Nobody's: they are neither given out nor lent. */
  readonly #reserved: Reserved;
  #requests: readonly Request[] = [];
  #primers: readonly Primer[] = [];
  #ranges: readonly Range[] = [];

  constructor(context: Context, config: IpamConfig, neighbours: Neighbours, expulsion: Expulsion, name: Mac) {
    this.#expulsion = expulsion;
    this.#context = context;
    this.#config = config;
    this.custodian = new Custodian(context, config, name, () => this.#used());
    this.#reserved = new Reserved(context, config);
    this.#lenders = new Lenders(context, neighbours, this.custodian, this.#reserved);
    for (const [key, bytes] of context.config.records) {
      const found = decodeAllocation(key, bytes);
      if (found === undefined) continue;
      this.#kept.add(this.#assign(found.owner, found.cidr));
    }
  }

  /** How many addresses are given out on this host. */
  get given(): number {
    return this.#allocator.count;
  }

  /** All that was given, ascending. */
  all(): readonly Allocation[] {
    const numbers = [...this.#allocator.addresses()].sort((a, b) => a - b);
    return numbers.map(number => ({
      cidr: this.#cidr(number),
      owner: this.#allocator.ownerOf(number) ?? '',
    }));
  }

  get waiting(): number {
    return this.#requests.length;
  }

  /** Why somebody waits, for a person; undefined where nobody does. */
  waitsFor(): string | undefined {
    const [first] = this.#requests;
    return first && describe(this.#why(first));
  }

  /** Peers that can be asked for space. */
  reachable(): ReadonlySet<PeerId> {
    return this.#lenders.reachable();
  }

  reaches(peer: PeerId): boolean {
    return this.reachable().has(peer);
  }

  manages(address: Ipv4): boolean {
    return contains(this.#config.universe, address);
  }

  ownerOf(address: Ipv4): string | undefined {
    return this.#allocator.ownerOf(toNumber(address) ?? 0);
  }

  /** What was given to `owner`, ascending. */
  of(owner: string): readonly Cidr[] {
    return this.#allocator.of(owner).map(number => this.#cidr(number));
  }

  /**
   * The lowest free address of `subnet`; the same again for an owner that was given one of just this subnet, unless it is
   * among `not`, or another container's by now.
   */
  allocate(
    owner: string,
    subnet: Cidr,
    done: Request['done'],
    { not = [], within = subnet }: Selection = {},
  ): void {
    const problem = subnetProblem(this.#config.universe, subnet);
    if (problem !== undefined) return done(refuse(problem));
    const range = rangeOf(within);
    const had = this.of(owner).find(
      ({ address, prefix }) =>
        prefix === subnet.prefix &&
        contains(within, address) &&
        !not.some(cidr => cidr.address === address) &&
        !this.#isElsewhere(owner, address),
    );
    if (had !== undefined) return done({ ok: true, value: had });
    this.#request({ owner, range, prefix: subnet.prefix, deadline: this.#deadline(), done });
  }

  /** Done when this host knows its part of the universe, which it may have to agree on with others first. */
  prime(done: Primer['done']): void {
    this.#primers = [...this.#primers, { deadline: this.#deadline(), done }];
    this.review();
  }

  /** This very address, from whoever holds it. */
  claim(owner: string, cidr: Cidr, done: Request['done']): void {
    const address = toNumber(cidr.address) ?? 0;
    if (this.#allocator.ownerOf(address) === owner) return done({ ok: true, value: cidr });
    const range = { start: address, end: address + 1 };
    this.#request({ owner, range, prefix: cidr.prefix, deadline: this.#deadline(), done });
  }

  /** Hands what `owner` was given on to somebody else. */
  rename(owner: string, cidr: Cidr, to: string): void {
    if (this.ownerOf(cidr.address) !== owner) return;
    if (this.#kept.delete(this.#assign(to, cidr))) this.keep(to, [cidr]);
  }

  /** Makes durable what `owner` was given. */
  keep(owner: string, addresses: readonly Cidr[]): void {
    const records = new Map<string, Uint8Array>();
    for (const cidr of addresses) {
      const number = toNumber(cidr.address) ?? 0;
      if (this.#allocator.ownerOf(number) !== owner || this.#kept.has(number)) continue;
      this.#kept.add(number);
      records.set(allocationKey(cidr), encodeAllocation({ cidr, owner }));
    }
    if (records.size > 0) this.#context.emit({ kind: 'persist', records });
  }

  /** Takes back what `owner` was given and did not keep; with `all`, also what it kept. Gives what was taken back. */
  release(owner: string, all: boolean, only?: readonly Ipv4[]): readonly Cidr[] {
    const records = new Map<string, undefined>();
    const gone = this.of(owner).filter(({ address }) => {
      const isMeant = only === undefined || only.includes(address);
      return isMeant && (all || !this.#kept.has(toNumber(address) ?? 0));
    });
    for (const cidr of gone) {
      const number = toNumber(cidr.address) ?? 0;
      this.#allocator.free(number);
      this.#prefixes.delete(number);
      if (this.#kept.delete(number)) records.set(allocationKey(cidr), undefined);
    }
    if (records.size > 0) this.#context.emit({ kind: 'persist', records });
    return gone;
  }

  /** Takes back all that was given to anybody. */
  releaseAll(): void {
    for (const owner of new Set(this.all().map(allocation => allocation.owner))) this.release(owner, true);
  }

  /** How many addresses this host could give out now without asking anybody. */
  get free(): number {
    const ranges = this.custodian.own?.ranges ?? [];
    const used = [...this.#used()].filter(address => ranges.some(range => includes(range, address)));
    return totalOf(ranges) - used.length;
  }

  /** How many addresses nobody gets yet, since a removed peer's container had them, and until the last of them is free. */
  quarantined(): { readonly addresses: number; readonly forMs: Millis } {
    const formerly = this.#expulsion.formerly();
    const unheld = formerly.filter(address => this.#holder(fromNumber(address)) === undefined);
    const left = unheld.flatMap(address => this.#quarantine(address) || []);
    return { addresses: left.length, forMs: Math.max(0, ...left) };
  }

  /** Somebody's endpoint with this key (see `endpointKey`) is gone, or has come. */
  endpointChanged(key: string): void {
    const number = toNumber(key.slice(key.lastIndexOf('/') + 1));
    if (number === undefined) return;
    this.#allocator.looksAgainFrom(number);
    if (this.#context.endpoints.at(key) !== undefined) this.#givenAgain(number);
  }

  /** Looks at what others say of their space, and serves who waits. */
  review(): void {
    const isNeeded = this.#requests.length + this.#primers.length > 0;
    this.custodian.review(isNeeded, this.#expulsion.estates());
    const ranges = this.custodian.own?.ranges ?? [];
    if (ranges !== this.#ranges) this.#allocator.looksAgainFrom(0);
    this.#ranges = ranges;
    this.#answerPrimers();
    this.#serveAll();
    this.#borrow();
  }

  /** This host leaves: who waits for an address is told so, and nobody is asked for any, or given some, any more. */
  close(): void {
    const waiting = this.#requests;
    this.#requests = [];
    this.#lenders.ask(undefined);
    this.#context.agenda.cancel('ipam');
    for (const { done } of waiting) done(refuse({ code: 'router-leaving' }));
    const primers = this.#primers;
    this.#primers = [];
    for (const { done } of primers) done(refuse({ code: 'router-leaving' }));
  }

  #answerPrimers(): void {
    const isReady = this.custodian.own !== undefined;
    const answered = this.#primers.filter(({ deadline }) => isReady || this.#context.now() >= deadline);
    this.#primers = this.#primers.filter(primer => !answered.includes(primer));
    const result = isReady ? ok(undefined) : refuse(this.#undivided(this.#config.universe));
    for (const { done } of answered) done(result);
  }

  #request(request: Request): void {
    const result = this.#serve(request);
    if (result !== undefined) return request.done(result);
    this.#requests = [...this.#requests, request];
    this.review();
  }

  #serveAll(): void {
    for (const request of this.#requests) {
      const late = this.#context.now() >= request.deadline;
      const result = this.#serve(request) ?? (late ? refuse(this.#why(request)) : undefined);
      if (result === undefined) continue;
      this.#requests = this.#requests.filter(other => other !== request);
      request.done(result);
    }
  }

  /** Asks others on behalf of the first that waits. */
  #borrow(): void {
    const { agenda, now } = this.#context;
    const [first] = this.#requests;
    const again = this.#lenders.ask(first?.range);
    const due = [...this.#requests, ...this.#primers].map(({ deadline }) => deadline);
    if (due.length > 0)
      agenda.plan('ipam', Math.max(now() + 1, Math.min(again, ...due)), () => this.review());
  }

  #serve({ owner, range, prefix }: Request): Result<Cidr> | undefined {
    if (sizeOf(range) === 1) {
      const refused = this.#taken(owner, range.start);
      if (refused !== undefined) return refuse(refused);
    }
    const ranges = this.custodian.own?.ranges ?? [];
    const isFree = (address: number): boolean => this.#isFree(owner, range, address);
    const found =
      this.#allocator.lowest(ranges, range, address => isFree(address) && !this.#isSuspect(address)) ??
      this.#secondHand(ranges, range).find(isFree);
    if (found === undefined) return undefined;
    const cidr = { address: fromNumber(found), prefix };
    this.#assign(owner, cidr);
    this.#givenAgain(found);
    return { ok: true, value: cidr };
  }

  /** A removed peer's container had it, and may go on using it: nobody gets it for a while, and after that last of all. */
  #isSuspect(address: number): boolean {
    return this.#expulsion.formerlyHeld(address) !== undefined;
  }

  #givenAgain(address: number): void {
    if (this.#quarantine(address) === 0) this.#expulsion.forget(address);
  }

  /** How long nobody gets an address yet, since a removed peer's container had it. */
  #quarantine(address: number): Millis {
    const since = this.#expulsion.formerlyHeld(address);
    return since === undefined ? 0 : Math.max(0, since + this.#config.quarantineMs - this.#context.now());
  }

  /** Such as have waited long enough, ascending. */
  #secondHand(ranges: readonly Range[], bounds: Range): readonly number[] {
    return this.#expulsion
      .formerly()
      .filter(address => this.#quarantine(address) === 0)
      .filter(address => includes(bounds, address) && ranges.some(range => includes(range, address)))
      .filter(address => this.#allocator.ownerOf(address) === undefined)
      .sort((a, b) => a - b);
  }

  #assign(owner: string, { address, prefix }: Cidr): number {
    const number = toNumber(address) ?? 0;
    this.#allocator.assign(number, owner);
    this.#prefixes.set(number, prefix);
    return number;
  }

  #cidr(number: number): Cidr {
    return {
      address: fromNumber(number),
      prefix: this.#prefixes.get(number) ?? this.#config.universe.prefix,
    };
  }

  #isFree(owner: string, range: Range, address: number): boolean {
    if (this.#reserved.now().has(address) || (sizeOf(range) > 1 && reservedIn(range).includes(address)))
      return false;
    return !this.#isElsewhere(owner, fromNumber(address));
  }

  #holder(address: Ipv4) {
    const { endpoints, networks } = this.#context;
    return endpoints.holder(networks.at(address)?.name ?? DEFAULT_NETWORK.name, address);
  }

  /** Whether a container has the address that is not `owner`. */
  #isElsewhere(owner: string, address: Ipv4): boolean {
    const { owner: host, endpoint } = this.#holder(address) ?? {};
    return endpoint !== undefined && (host !== this.#context.config.self || endpoint.container !== owner);
  }

  /** Why nobody can have this very address now. */
  #taken(owner: string, address: number): Problem | undefined {
    const value = fromNumber(address);
    const holder = this.#holder(value);
    const isOwn = holder?.owner === this.#context.config.self && holder.endpoint.container === owner;
    if (this.#reserved.now().has(address))
      return { code: 'address-unusable', value, why: this.#reserved.why(value) };
    if (holder !== undefined && !isOwn) return describeHolder(this.#context, holder);
    const here = this.#allocator.ownerOf(address);
    if (here !== undefined && here !== owner)
      return { code: 'address-taken', value, holder: here, host: 'this host' };
    const rest = isOwn ? 0 : this.#quarantine(address);
    return rest > 0 ? { code: 'address-quarantined', value, seconds: Math.ceil(rest / 1_000) } : undefined;
  }

  #why({ range, prefix }: Request): Problem {
    const cidr = { address: fromNumber(range.start), prefix };
    if (this.custodian.division === undefined) return this.#undivided(cidr);
    return this.#lenders.describe(range, formatCidr(cidr));
  }

  #undivided(cidr: Cidr): Problem {
    return { code: 'ring-undivided', value: formatCidr(cidr), why: this.custodian.waitsFor };
  }

  /** What this host must not give away: what it gave out, and what anybody's container has. */
  #used(): ReadonlySet<number> {
    const used = new Set([...this.#reserved.now(), ...this.#allocator.addresses()]);
    for (const address of this.#expulsion.formerly()) {
      if (this.#quarantine(address) > 0) used.add(address);
    }
    for (const [holder] of this.#context.endpoints.all()) {
      const number = holder && toNumber(holder.endpoint.address);
      if (number !== undefined) used.add(number);
    }
    return used;
  }

  #deadline(): Millis {
    return this.#context.now() + this.#config.timeoutMs;
  }
}
