import { compare, type PeerId } from '../../src/core/address.ts';
import { decodeEndpoint, ENDPOINTS, type Endpoint } from '../../src/core/endpoints/endpoint.ts';
import { slotOf } from '../../src/core/replica/fact.ts';
import type { Change, Head } from '../../src/core/replica.ts';
import { decodeHost, HOST_KEY, TOPOLOGY } from '../../src/core/topology/facts.ts';

export interface Claim {
  readonly owner: PeerId;
  readonly stamp: number;
  readonly endpoint: Endpoint;
}

/** The one network that containers are on here. */
const NETWORK = 'mesh';
const PREFIX = `${NETWORK}/`;

/** What one router must believe, worked out a second time from the changes of facts alone. */
export class Shadow {
  /** By the key of the address. */
  readonly claims = new Map<string, Claim[]>();
  readonly vteps = new Map<PeerId, string>();
  readonly heads = new Map<PeerId, Head>();
  readonly #seqs = new Map<string, number>();
  /** Keys of addresses of which something was learnt, and those that have a station. */
  readonly #touched = new Set<string>();
  readonly #standing = new Set<string>();
  /** When all heads, and all stations, were last looked at, and not only those that something was said of. */
  headsAt = Number.NEGATIVE_INFINITY;
  stationsAt = Number.NEGATIVE_INFINITY;
  fingerprint = 0;
  /** The highest seq of its own that its disk held when it started. */
  storedOwn = 0;
  /** The highest seq of its own that it had ever told when it started: more than is stored, where its disk went back. */
  toldOwn = 0;
  /** The highest seq of its own that others showed it since it started. */
  shownOwn = 0;
  /** What that was when it wrote each seq. */
  readonly shownAt = new Map<number, number>();
  /** Some neighbour has told it all that it knew. */
  synced = false;
  /** It knew of others when it started. */
  hopeful = false;
  startedAt = 0;
  /** The latest that the router has seen on its clock: for it, time never goes back. */
  latest = 0;

  /** Gives what is wrong with the change by itself, if anything. */
  learn({ owner, domain, key, now, previous }: Change): string | undefined {
    const slot = `${owner} ${slotOf(domain, key)}`;
    const last = this.#seqs.get(slot) ?? 0;
    const seq = now?.seq ?? (previous?.seq ?? 0) + 0.5;
    this.#seqs.set(slot, seq);
    if (domain === ENDPOINTS) this.#claim(owner, key, now);
    if (domain === TOPOLOGY && key === HOST_KEY) {
      const host = now?.value === undefined ? undefined : decodeHost(now.value);
      this.#locate(owner, host && `${host.vtep.address}:${host.vtep.port}`);
    }
    if (seq >= last) return undefined;
    return `${domain}/${key} of ${owner} went back from seq ${last} to ${seq}`;
  }

  /** Who holds an address: the lower (stamp, owner). */
  holder(key: string): Claim | undefined {
    return this.claims.get(key)?.[0];
  }

  /** Stations of the containers of others, address and line of each: all of them, worked out anew. */
  *stations(self: PeerId): Iterable<readonly [string, string]> {
    for (const key of this.claims.keys()) {
      const line = this.#line(self, key);
      if (line !== undefined) yield [key.slice(PREFIX.length), line];
    }
  }

  get hasNews(): boolean {
    return this.#touched.size > 0;
  }

  /** What became of the stations since the last time: a line, or undefined where there is none, for each address. */
  *news(self: PeerId): Iterable<readonly [string, string | undefined]> {
    for (const key of this.#touched) {
      const line = this.#line(self, key);
      if (line === undefined) this.#standing.delete(key);
      else this.#standing.add(key);
      if (key.startsWith(PREFIX)) yield [key.slice(PREFIX.length), line];
    }
    this.#touched.clear();
  }

  /** How many stations there are, as of the last `news`. */
  get stationCount(): number {
    return this.#standing.size;
  }

  /** As `lineOf` writes it. */
  #line(self: PeerId, key: string): string | undefined {
    const holder = this.claims.get(key)?.[0];
    if (holder === undefined || holder.owner === self || holder.endpoint.network !== NETWORK)
      return undefined;
    const vtep = this.vteps.get(holder.owner);
    return vtep && `${holder.endpoint.address} ${holder.endpoint.mac} ${vtep}`;
  }

  #locate(owner: PeerId, vtep: string | undefined): void {
    if (this.vteps.get(owner) === vtep) return;
    if (vtep === undefined) this.vteps.delete(owner);
    else this.vteps.set(owner, vtep);
    for (const [key, claims] of this.claims) if (claims[0]?.owner === owner) this.#touched.add(key);
  }

  #claim(owner: PeerId, key: string, now: Change['now']): void {
    this.#touched.add(key);
    const claims = (this.claims.get(key) ?? []).filter(claim => claim.owner !== owner);
    const endpoint = now?.value === undefined ? undefined : decodeEndpoint(key, now.value);
    if (endpoint !== undefined) claims.push({ owner, stamp: now!.stamp, endpoint });
    claims.sort((a, b) => a.stamp - b.stamp || compare(a.owner, b.owner));
    if (claims.length === 0) this.claims.delete(key);
    else this.claims.set(key, claims);
  }
}
