import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compare,
  type Ipv4,
  type Mac,
  macOfAddress,
  type PeerId,
  parseCidr,
} from '../../../src/core/address.ts';
import { ENDPOINTS, encodeEndpoint, endpointKey } from '../../../src/core/endpoints/endpoint.ts';
import { createEndpointsView } from '../../../src/core/endpoints/view.ts';
import { ForwardingView } from '../../../src/core/forwarding/view.ts';
import { type Relay, type Station, withInherited } from '../../../src/core/forwarding.ts';
import { Shield } from '../../../src/core/host/shield.ts';
import { CONTROL_NETWORK } from '../../../src/core/networks/network.ts';
import { createNetworksView } from '../../../src/core/networks/view.ts';
import { EMPTY } from '../../../src/core/replica/fact.ts';
import type { Change } from '../../../src/core/replica.ts';
import { encodeHost, HOST_KEY, type HostFact, TOPOLOGY } from '../../../src/core/topology/facts.ts';
import { createTopologyView } from '../../../src/core/topology/view.ts';

const PEERS = ['self', 'a', 'b', 'c'] as PeerId[];
const SELF = PEERS[0]!;
const ADDRESSES = Array.from({ length: 6 }, (_, index) => `10.0.0.${index + 1}` as Ipv4);

interface Claim {
  readonly owner: PeerId;
  readonly stamp: number;
  readonly mac: Mac;
}

const NO_RELAYS: readonly Relay[] = [];

type Hosts = Map<PeerId, { readonly stamp: number; readonly fact: HostFact }>;

/** The views of one host, and the facts that they were told, to work everything out anew. */
function observer() {
  const topology = createTopologyView();
  const views = {
    self: SELF,
    topology,
    shield: new Shield({ boot: 'b', vtep: { address: ADDRESSES[0]!, port: 6784 } }, topology),
    networks: createNetworksView([parseCidr('10.32.0.0/12')!]),
    endpoints: createEndpointsView(),
  };
  const forwarding = new ForwardingView({ ...views, detour: () => undefined });
  const hosts: Hosts = new Map();
  const claims = new Map<Ipv4, Claim[]>();
  const learn = (change: Change): boolean => {
    views.topology.update(change);
    views.networks.update(change);
    views.endpoints.update(change);
    return forwarding.update(change);
  };
  const entry = (owner: PeerId, domain: string, key: string, stamp: number, value?: Uint8Array): Change => ({
    owner,
    domain,
    key,
    previous: undefined,
    now: value && { owner, seq: stamp, stamp, domain, key, value, extra: EMPTY, signature: EMPTY },
  });
  return {
    hosts,
    claims,
    current: () => forwarding.current(1_450, 1_500, NO_RELAYS),
    host(owner: PeerId, stamp: number, fact: HostFact | undefined): boolean {
      if (fact === undefined) hosts.delete(owner);
      else hosts.set(owner, { stamp, fact });
      return learn(entry(owner, TOPOLOGY, HOST_KEY, stamp, fact && encodeHost(fact)));
    },
    claim(owner: PeerId, address: Ipv4, stamp: number, salt: number | undefined): boolean {
      const others = (claims.get(address) ?? []).filter(claim => claim.owner !== owner);
      const mac = macOfAddress(6784, address, salt ?? 0);
      if (salt !== undefined) others.push({ owner, stamp, mac });
      claims.set(
        address,
        others.sort((x, y) => x.stamp - y.stamp || compare(x.owner, y.owner)),
      );
      const value = {
        network: 'mesh',
        address,
        prefix: 24,
        mac,
        container: 'c',
        containerName: 'c',
        names: [],
      };
      const bytes = salt === undefined ? undefined : encodeEndpoint(value);
      return learn(entry(owner, ENDPOINTS, endpointKey('mesh', address), stamp, bytes));
    },
  };
}

const hostAt = (underlay: number, control: number): HostFact => ({
  name: '02:00:00:00:00:01' as Mac,
  nickname: 'n',
  version: '1',
  addresses: [],
  vtep: { address: `192.168.0.${underlay}` as Ipv4, port: 6784 },
  control: `100.64.0.${control}` as Ipv4,
  boot: 'b',
});

type Observer = ReturnType<typeof observer>;

/** All of it once more, the slow way. */
function workedOut({ hosts, claims }: Observer): object {
  const byAddress = (a: Station, b: Station): number => compare(a.address, b.address);
  const stations: Station[] = [];
  for (const [address, [holder]] of claims) {
    const vtep =
      holder === undefined || holder.owner === SELF ? undefined : hosts.get(holder.owner)?.fact.vtep;
    if (holder !== undefined && vtep !== undefined) stations.push({ address, mac: holder.mac, vtep });
  }
  const inOrder = [...hosts].sort(([a, x], [b, y]) => x.stamp - y.stamp || compare(a, b));
  const controls = new Map<Ipv4, Station | undefined>();
  for (const [peer, { fact }] of inOrder) {
    const { control: address, vtep } = fact;
    const mac = macOfAddress(CONTROL_NETWORK.vni, address, 0);
    if (!controls.has(address)) controls.set(address, peer === SELF ? undefined : { address, mac, vtep });
  }
  const others = inOrder.filter(([peer]) => peer !== SELF).map(([, { fact }]) => fact.vtep.address);
  return {
    peers: [...new Set(others)].sort(compare),
    stations: stations.sort(byAddress),
    flood: [...new Set(stations.map(({ vtep }) => vtep.address))].sort(compare),
    control: [...controls.values()].filter(station => station !== undefined).sort(byAddress),
    own: hosts.get(SELF)?.fact.control,
  };
}

function given(observed: Observer): object {
  const { peers, networks } = observed.current();
  const [control, mesh] = networks;
  return {
    peers,
    stations: mesh?.stations,
    flood: mesh?.flood.map(({ address }) => address).sort(compare),
    control: control?.stations,
    own: control?.own?.address.address,
  };
}

const step = fc.record({
  owner: fc.constantFrom(...PEERS),
  address: fc.constantFrom(...ADDRESSES),
  isHost: fc.boolean(),
  isGone: fc.boolean(),
  number: fc.integer({ min: 1, max: 3 }),
  stamp: fc.integer({ min: 1, max: 20 }),
});

describe('what the kernel should hold', () => {
  it('is after every change what the facts say, and tells when it became something else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const observed = observer();
        for (const { owner, address, isHost, isGone, number, stamp } of steps) {
          const before = observed.current();
          const isChanged = isHost
            ? observed.host(owner, stamp, isGone ? undefined : hostAt(number, number))
            : observed.claim(owner, address, stamp, isGone ? undefined : number);
          expect(given(observed)).toEqual(workedOut(observed));
          if (!isChanged) expect(observed.current()).toBe(before);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps all stations but the one that changed, and what was given before stays as it was', () => {
    const observed = observer();
    observed.host('a' as PeerId, 1, hostAt(2, 2));
    const addresses = Array.from({ length: 500 }, (_, index) => `10.1.${index >> 8}.${index & 255}` as Ipv4);
    for (const address of addresses) observed.claim('a' as PeerId, address, 1, 0);
    const before = observed.current().networks[1]!.stations;
    expect(before).toHaveLength(500);
    observed.claim('a' as PeerId, addresses[250]!, 2, undefined);
    const after = observed.current().networks[1]!.stations;
    expect(before).toHaveLength(500);
    expect(after).toHaveLength(499);
    const left = new Set(before);
    expect(after.every(station => left.has(station))).toBe(true);
  });

  it('has the service address of each subnet here, and behind no other host', () => {
    const observed = observer();
    observed.host('a' as PeerId, 1, hostAt(2, 2));
    const service = '10.47.255.254' as Ipv4;
    expect(observed.claim('a' as PeerId, service, 2, 1)).toBe(false);
    const [control, mesh] = observed.current().networks;
    expect(control).not.toHaveProperty('service');
    expect(mesh).toMatchObject({
      service: { addresses: [{ address: service, prefix: 12 }], mac: macOfAddress(6784, service, 0) },
      stations: [],
      flood: [],
    });
  });

  it('stays the same object where a host only says again where it is', () => {
    const observed = observer();
    observed.host('a' as PeerId, 1, hostAt(2, 2));
    observed.claim('a' as PeerId, ADDRESSES[0]!, 2, 0);
    const before = observed.current();
    expect(observed.host('a' as PeerId, 3, { ...hostAt(2, 2), boot: 'another' })).toBe(false);
    expect(observed.current()).toBe(before);
  });
});

describe('what an earlier router left', () => {
  const address = '240.0.0.2' as Ipv4;
  const tunnel = { address, key: 'key', endpoint: { address: '192.168.48.12' as Ipv4, port: 6784 } };
  const station = { address: ADDRESSES[0]!, mac: '02:00:00:00:00:01' as Mac, vtep: { address, port: 6784 } };
  const network = { name: 'mesh', vni: 6784, mtu: 1390, own: undefined, stations: [station], flood: [] };
  const inherited = { peers: [], networks: [network], tunnels: [tunnel] };

  it('goes on by its tunnels, until those are known better', () => {
    const wanted = { peers: [], networks: [{ ...network, stations: [] }], tunnels: [] };
    const { networks, peers, tunnels } = withInherited(wanted, inherited);
    expect([networks[0]?.stations, peers, tunnels]).toEqual([[station], ['192.168.48.12'], [tunnel]]);
    const moved = { ...tunnel, endpoint: { address: '192.168.48.13' as Ipv4, port: 6784 } };
    expect(withInherited({ ...wanted, tunnels: [moved] }, inherited).tunnels).toEqual([moved]);
  });

  it('lets nobody send plain whose tunnel ends at another port', () => {
    const apart = { ...tunnel, endpoint: { ...tunnel.endpoint, port: 6783 } };
    const wanted = { peers: [], networks: [network], tunnels: [] };
    expect(withInherited(wanted, { ...inherited, tunnels: [apart] }).peers).toEqual([]);
  });
});
