import { compare, type Ipv4, type PeerId, toNumber } from '../address.ts';
import { includes, type Range, rangeOf, sizeOf } from '../range.ts';
import type { Change } from '../replica.ts';
import { decodeNetwork, NETWORK_REMOVALS, NETWORKS, type NetworkFact, type Origin, VNI_MAX } from './fact.ts';
import { CONTROL_NETWORK, DEFAULT_NETWORK, type Network } from './network.ts';

/** A network that somebody speaks of, and since when it is there. */
export interface Founded {
  readonly network: Network;
  readonly origin: Origin;
}

/**
 * Which networks there are. Of two with one name the earlier stands, as the (stamp, owner) of its origin has it; of two
 * with one VNI the later takes the next that is free. A network ends by somebody's word that it is removed, not with who
 * made it: one that nobody states any more goes on, and others are to state it.
 */
export interface NetworksView {
  /** Takes in one change; gives whether it was of these domains. */
  update(change: Change): boolean;
  get(name: string): Network | undefined;
  /** All that containers may join, sorted by name. */
  all(): readonly Network[];
  /** In whose subnets an address lies: the smallest such subnet. */
  at(address: Ipv4): Network | undefined;
  isRemoved(id: string): boolean;
  /** Those that stand and nobody states. */
  orphans(): readonly Founded[];
}

interface Span extends Range {
  readonly network: Network;
}

/** `subnets` are those of the default network, which no fact tells: all hosts are launched with the same. */
export function createNetworksView(subnets = DEFAULT_NETWORK.subnets): NetworksView {
  return new View({ ...DEFAULT_NETWORK, subnets });
}

class View implements NetworksView {
  readonly #standard: Network;
  readonly #stated = new Map<string, Founded>();
  readonly #orphans = new Map<string, Founded>();
  /** Who says of a network's id that it is removed. */
  readonly #removals = new Map<string, Set<PeerId>>();
  #standing: ReadonlyMap<string, Network> | undefined;
  #sorted: readonly Network[] | undefined;
  #spans: readonly Span[] | undefined;

  constructor(standard: Network) {
    this.#standard = standard;
  }

  update(change: Change): boolean {
    const { domain, key, now, owner } = change;
    if (domain !== NETWORKS && domain !== NETWORK_REMOVALS) return false;
    if (domain === NETWORKS) {
      const fact = now?.value === undefined ? undefined : decodeNetwork(key, now.value);
      this.#state(`${owner}/${key}`, fact && founded(fact, now?.stamp ?? 0, owner));
    } else this.#remove(key, owner, now?.value !== undefined);
    this.#standing = undefined;
    this.#sorted = undefined;
    this.#spans = undefined;
    return true;
  }

  get(name: string): Network | undefined {
    return this.#names().get(name);
  }

  all(): readonly Network[] {
    this.#sorted ??= [...this.#names().values()].sort((a, b) => compare(a.name, b.name));
    return this.#sorted;
  }

  at(address: Ipv4): Network | undefined {
    this.#spans ??= this.all()
      .flatMap(network => network.subnets.map(subnet => ({ ...rangeOf(subnet), network })))
      .sort((a, b) => sizeOf(a) - sizeOf(b));
    const number = toNumber(address) ?? 0;
    return this.#spans.find(span => includes(span, number))?.network;
  }

  isRemoved(id: string): boolean {
    return this.#removals.has(id);
  }

  orphans(): readonly Founded[] {
    return [...this.#orphans.values()].filter(({ network }) => this.get(network.name)?.id === network.id);
  }

  #state(key: string, now: Founded | undefined): void {
    const before = this.#stated.get(key);
    const didStand = before !== undefined && this.get(before.network.name)?.id === before.network.id;
    if (now === undefined) this.#stated.delete(key);
    else this.#stated.set(key, now);
    if (now !== undefined) this.#orphans.delete(now.network.id);
    if (before === undefined || !didStand || this.#isStated(before.network.id)) return;
    this.#orphans.set(before.network.id, before);
  }

  #remove(id: string, owner: PeerId, isSaid: boolean): void {
    const by = this.#removals.get(id) ?? new Set<PeerId>();
    if (isSaid) by.add(owner);
    else by.delete(owner);
    if (by.size === 0) this.#removals.delete(id);
    else this.#removals.set(id, by);
    if (isSaid) this.#orphans.delete(id);
  }

  #isStated(id: string): boolean {
    return [...this.#stated.values()].some(({ network }) => network.id === id);
  }

  #names(): ReadonlyMap<string, Network> {
    this.#standing ??= settle(
      this.#standard,
      [...this.#stated.values(), ...this.#orphans.values()].filter(
        ({ network }) => !this.isRemoved(network.id),
      ),
    );
    return this.#standing;
  }
}

const founded = ({ network, origin }: NetworkFact, stamp: number, owner: PeerId): Founded => ({
  network,
  origin: origin ?? { stamp, owner },
});

function settle(standard: Network, stated: readonly Founded[]): ReadonlyMap<string, Network> {
  const standing = new Map([[standard.name, standard]]);
  const vnis = new Set([standard.vni, CONTROL_NETWORK.vni]);
  const inOrder = [...stated].sort(
    ({ origin: a }, { origin: b }) => a.stamp - b.stamp || compare(a.owner, b.owner),
  );
  for (const { network } of inOrder) {
    if (standing.has(network.name)) continue;
    const vni = nextFree(network.vni, vnis);
    standing.set(network.name, vni === network.vni ? network : { ...network, vni });
    vnis.add(vni);
  }
  return standing;
}

/** From here on upwards, and on from the lowest. */
export function nextFree(wanted: number, taken: ReadonlySet<number>): number {
  let vni = wanted;
  while (taken.has(vni)) vni = (vni % VNI_MAX) + 1;
  return vni;
}
