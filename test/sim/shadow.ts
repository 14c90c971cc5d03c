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

/** What one router must believe, worked out a second time from the changes of facts alone. */
export class Shadow {
  /** By the key of the address. */
  readonly claims = new Map<string, Claim[]>();
  readonly vteps = new Map<PeerId, string>();
  readonly heads = new Map<PeerId, Head>();
  readonly #seqs = new Map<string, number>();
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

  /** Gives what is wrong with the change by itself, if anything. */
  learn({ owner, domain, key, now, previous }: Change): string | undefined {
    const slot = `${owner} ${slotOf(domain, key)}`;
    const last = this.#seqs.get(slot) ?? 0;
    const seq = now?.seq ?? (previous?.seq ?? 0) + 0.5;
    this.#seqs.set(slot, seq);
    if (domain === ENDPOINTS) this.#claim(owner, key, now);
    if (domain === TOPOLOGY && key === HOST_KEY) {
      const host = now?.value === undefined ? undefined : decodeHost(now.value);
      if (host === undefined) this.vteps.delete(owner);
      else this.vteps.set(owner, `${host.vtep.address}:${host.vtep.port}`);
    }
    if (seq >= last) return undefined;
    return `${domain}/${key} of ${owner} went back from seq ${last} to ${seq}`;
  }

  /** Who holds an address: the lower (stamp, owner). */
  holder(key: string): Claim | undefined {
    return this.claims.get(key)?.[0];
  }

  /** Stations of the containers of others, one line each, sorted. */
  stations(self: PeerId, network: string): readonly string[] {
    const lines: string[] = [];
    for (const [holder] of this.claims.values()) {
      if (holder === undefined || holder.owner === self || holder.endpoint.network !== network) continue;
      const vtep = this.vteps.get(holder.owner);
      if (vtep !== undefined) lines.push(`${holder.endpoint.address} ${holder.endpoint.mac} ${vtep}`);
    }
    return lines.sort(compare);
  }

  #claim(owner: PeerId, key: string, now: Change['now']): void {
    const claims = (this.claims.get(key) ?? []).filter(claim => claim.owner !== owner);
    const endpoint = now?.value === undefined ? undefined : decodeEndpoint(key, now.value);
    if (endpoint !== undefined) claims.push({ owner, stamp: now!.stamp, endpoint });
    claims.sort((a, b) => a.stamp - b.stamp || compare(a.owner, b.owner));
    if (claims.length === 0) this.claims.delete(key);
    else this.claims.set(key, claims);
  }
}
