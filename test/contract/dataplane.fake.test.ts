import { formatCidr, type Ipv4, type Mac } from '../../src/core/address.ts';
import { HOST_LEG } from '../../src/core/endpoints/attachment.ts';
import type { Station } from '../../src/core/forwarding.ts';
import {
  type FakeHost,
  type FakeInterface,
  type FakeNetwork,
  FakeUnderlay,
} from '../support/fake-dataplane.ts';
import {
  type DataplaneWorld,
  dataplaneContract,
  type WorldContainer,
  type WorldHost,
} from './dataplane.contract.ts';
import { handoverContract } from './handover.contract.ts';

function worldHost(host: FakeHost): WorldHost {
  const network = (vni: number): FakeNetwork => {
    const found = host.networks.get(vni);
    if (found === undefined) throw new Error(`no network ${vni}`);
    return found;
  };
  return {
    self: { ...inside(host.underlay, host.own), container: HOST_LEG },
    vtep: host.vtep,
    underlayMtu: host.underlayMtu,
    open: () => host.open(),
    indexes: vni => [network(vni).index],
    traces: () => JSON.stringify([host.peers, [...host.networks.keys()], [...host.ports.keys()]]),
    occupy: async port => {
      host.portsInUse.add(port);
      return async () => {
        host.portsInUse.delete(port);
      };
    },
    forgetStation: (vni, { address }) => void network(vni).stations.delete(address),
    misdirect: (vni, station, vtep) => void network(vni).stations.set(station.address, { ...station, vtep }),
    take: (device, { sandbox }, name, address) => host.take(device, sandbox, name, [address]),
    addStation: (vni, station: Station) => void network(vni).stations.set(station.address, station),
  };
}

function inside(underlay: FakeUnderlay, sandbox: string): Omit<WorldContainer, 'container' | 'end'> {
  const interfaces = (): Map<string, FakeInterface> => underlay.sandboxes.get(sandbox) ?? new Map();
  return {
    sandbox,
    addInterface: device => {
      const mac = '02:00:00:00:00:01' as Mac;
      interfaces().set(device, { mac, mtu: 1500, addresses: [], attachment: undefined });
    },
    interfaces: () => [...interfaces().keys()].sort(),
    show: device => {
      const found = interfaces().get(device);
      if (found === undefined) throw new Error(`no interface ${device}`);
      const { mac, mtu, addresses } = found;
      return { mac, mtu, addresses: addresses.map(formatCidr) };
    },
  };
}

async function makeWorld(): Promise<DataplaneWorld> {
  const underlay = new FakeUnderlay();
  const [first, second] = [1, 2].map(number => {
    const address = `192.168.48.${number}` as Ipv4;
    return worldHost(underlay.addHost({ address, port: 6784 }));
  }) as [WorldHost, WorldHost];
  let started = 0;
  return {
    hosts: [first, second],
    startContainer: (name): WorldContainer => {
      started += 1;
      const sandbox = `/fake/${name}-${started}`;
      underlay.addSandbox(sandbox);
      const end = () => underlay.removeSandbox(sandbox);
      return { ...inside(underlay, sandbox), container: `netns:${name}`, end };
    },
    reaches: async ({ sandbox }, address, size) => underlay.reaches(sandbox, address, size),
    dispose: async () => undefined,
  };
}

dataplaneContract('fake', makeWorld);
handoverContract('fake', makeWorld);
