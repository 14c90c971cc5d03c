import { compare, type Ipv4, type Mac, type PeerId } from '../address.ts';
import type { Change } from '../replica.ts';
import { decodeEndpoint, ENDPOINTS, type Endpoint, endpointKey } from './endpoint.ts';

/** One owner's word that a container of its host has an address. */
export interface Claim {
  readonly owner: PeerId;
  readonly stamp: number;
  readonly endpoint: Endpoint;
}

/** Which container has which address. Where several claim one, the lower (stamp, owner) holds it, everywhere. */
export interface EndpointsView {
  /** Takes in one change; gives the key of the address that it was about, if any. */
  update(change: Change): string | undefined;
  holder(network: string, address: Ipv4): Claim | undefined;
  /** As `holder`, by the key of the address. */
  at(key: string): Claim | undefined;
  /** All claims on the address with this key, the holder first. */
  claims(key: string): readonly Claim[];
  /** Every claim, those of one address together, the holder first. */
  all(): Iterable<readonly Claim[]>;
  /** Whether any endpoint of `network` has this MAC. */
  uses(network: string, mac: Mac): boolean;
}

export function createEndpointsView(): EndpointsView {
  const byKey = new Map<string, readonly Claim[]>();
  const macs = new Map<string, number>();

  const count = (endpoint: Endpoint, by: 1 | -1): void => {
    const key = `${endpoint.network} ${endpoint.mac}`;
    const uses = (macs.get(key) ?? 0) + by;
    if (uses === 0) macs.delete(key);
    else macs.set(key, uses);
  };

  return {
    update({ owner, domain, key, now }) {
      if (domain !== ENDPOINTS) return undefined;
      const before = byKey.get(key) ?? [];
      const gone = before.find(claim => claim.owner === owner);
      const others = before.filter(claim => claim.owner !== owner);
      if (gone !== undefined) count(gone.endpoint, -1);
      const endpoint = now?.value === undefined ? undefined : decodeEndpoint(key, now.value);
      if (endpoint !== undefined) {
        others.push({ owner, stamp: now?.stamp ?? 0, endpoint });
        count(endpoint, 1);
      }
      if (others.length === 0) byKey.delete(key);
      else
        byKey.set(
          key,
          others.sort((a, b) => a.stamp - b.stamp || compare(a.owner, b.owner)),
        );
      return key;
    },
    holder: (network, address) => byKey.get(endpointKey(network, address))?.[0],
    at: key => byKey.get(key)?.[0],
    claims: key => byKey.get(key) ?? [],
    all: () => byKey.values(),
    uses: (network, mac) => macs.has(`${network} ${mac}`),
  };
}
