import { compare, type PeerId } from '../address.ts';
import type { Change } from '../replica.ts';
import { CONTROL_NETWORK, DEFAULT_NETWORK, decodeNetwork, NETWORKS, type Network } from './network.ts';

interface Claim {
  readonly owner: PeerId;
  readonly stamp: number;
  readonly network: Network;
}

/** Which networks there are. Of two with one name, or one VNI, the lower (stamp, owner) stands. */
export interface NetworksView {
  update(change: Change): void;
  get(name: string): Network | undefined;
  /** All that containers may join, sorted by name. */
  all(): readonly Network[];
}

/** `subnets` are those of the default network, which no fact tells: all hosts are launched with the same. */
export function createNetworksView(subnets = DEFAULT_NETWORK.subnets): NetworksView {
  const standard = { ...DEFAULT_NETWORK, subnets };
  const claims = new Map<string, Claim>();
  let standing: ReadonlyMap<string, Network> | undefined;
  let sorted: readonly Network[] | undefined;

  const names = (): ReadonlyMap<string, Network> => {
    standing ??= settle(standard, [...claims.values()]);
    return standing;
  };

  return {
    update({ owner, domain, key, now }) {
      if (domain !== NETWORKS) return;
      const network = now?.value === undefined ? undefined : decodeNetwork(key, now.value);
      if (network === undefined) claims.delete(`${owner}/${key}`);
      else claims.set(`${owner}/${key}`, { owner, stamp: now?.stamp ?? 0, network });
      standing = undefined;
      sorted = undefined;
    },
    get: name => names().get(name),
    all() {
      sorted ??= [...names().values()].sort((a, b) => compare(a.name, b.name));
      return sorted;
    },
  };
}

function settle(standard: Network, claims: readonly Claim[]): ReadonlyMap<string, Network> {
  const standing = new Map([[standard.name, standard]]);
  const vnis = new Set([standard.vni, CONTROL_NETWORK.vni]);
  const inOrder = [...claims].sort((a, b) => a.stamp - b.stamp || compare(a.owner, b.owner));
  for (const { network } of inOrder) {
    if (standing.has(network.name) || vnis.has(network.vni)) continue;
    standing.set(network.name, network);
    vnis.add(network.vni);
  }
  return standing;
}
