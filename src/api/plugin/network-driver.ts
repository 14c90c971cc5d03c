import { formatCidr, parseCidr, parseMac } from '../../core/address.ts';
import { type Method, method, must, type PluginHost, Refusal } from './host.ts';
import { ADDRESS_SPACE } from './ipam-driver.ts';
import { readOptions } from './network-options.ts';
import { CREATE_ENDPOINT, CREATE_NETWORK, EMPTY, ENDPOINT, JOIN, NETWORK } from './requests.ts';

/** Multicast stays on the mesh, whatever the default route is. */
const MULTICAST = { Destination: '224.0.0.0/4', RouteType: 1, NextHop: '' };
/** Set by who connects a container for its user. */
const CONTAINER = 'mesh.container';
const CURE =
  'with addresses of Docker itself, each host would give out the same ones; add --ipam-driver mesh, or type "mesh network create"';

/** The network driver: networks are the mesh's, and what an engine makes are only their endpoints on this host. */
export function networkDriver(
  host: PluginHost,
  { prefix, multicastOption }: { readonly prefix: string; readonly multicastOption: string },
): Readonly<Record<string, Method>> {
  return {
    GetCapabilities: method(EMPTY, async () => ({
      // Another scope takes Swarm.
      Scope: 'local',
      ConnectivityScope: 'global',
      GwAllocChecker: true,
    })),
    // No gateway: what leaves the mesh goes by the engine's own bridge.
    GwAllocCheck: method(EMPTY, async () => ({ SkipIPv4: true, SkipIPv6: true })),
    CreateNetwork: method(CREATE_NETWORK, async ({ Options, IPv4Data, IPv6Data }) => {
      const name = readOptions(Options, multicastOption);
      if (IPv6Data.length > 0) throw new Refusal('the mesh has no IPv6: leave out its subnet');
      const [first, ...more] = IPv4Data;
      if (first === undefined) throw new Refusal('a mesh network needs IPv4 addresses');
      if (more.length > 0)
        throw new Refusal('a Docker network of the mesh has one subnet; make another network');
      const subnet = parseCidr(first.Pool);
      if (subnet === undefined) throw new Refusal(`"${first.Pool}" is not a subnet`);
      if (first.AddressSpace !== ADDRESS_SPACE) throw new Refusal(`${formatCidr(subnet)}: ${CURE}`);
      await must(host, { kind: 'check-network', subnet, name });
      return {};
    }),
    DeleteNetwork: method(NETWORK, async () => ({})),
    CreateEndpoint: method(CREATE_ENDPOINT, async ({ EndpointID, Interface, Options }) => {
      const address = parseCidr(Interface.Address);
      if (address === undefined)
        throw new Refusal(`an endpoint needs an IPv4 address with a prefix, not "${Interface.Address}"`);
      if (Interface.AddressIPv6 !== '') throw new Refusal('the mesh has no IPv6 addresses');
      const mac = macOf(Interface.MacAddress);
      const named = Options[CONTAINER];
      const container = typeof named === 'string' ? named : undefined;
      const made = await must(host, {
        kind: 'create-endpoint',
        endpoint: EndpointID,
        address,
        mac,
        container,
      });
      if (container !== undefined) host.identified(container);
      // What was given must not be said again.
      return { Interface: mac === undefined ? { MacAddress: made.endpoint?.mac ?? '' } : {} };
    }),
    Join: method(JOIN, async ({ EndpointID, NetworkID, SandboxKey }) => {
      const joined = await must(host, { kind: 'join-endpoint', endpoint: EndpointID, sandbox: SandboxKey });
      const { device, internal, multicast } = joined.endpoint!;
      return {
        InterfaceName: { SrcName: device, DstPrefix: prefix },
        // A container can have one such route: by the network that it joined first.
        StaticRoutes: multicast && !(await host.isUnicast(NetworkID)) ? [MULTICAST] : [],
        ...(internal && { DisableGatewayService: true }),
      };
    }),
    EndpointOperInfo: method(ENDPOINT, async () => ({ Value: {} })),
    Leave: method(ENDPOINT, async () => ({})),
    DeleteEndpoint: method(ENDPOINT, async ({ EndpointID }) => {
      await must(host, { kind: 'delete-endpoint', endpoint: EndpointID });
      return {};
    }),
    // Ports are the business of the engine's own bridge.
    ProgramExternalConnectivity: method(ENDPOINT, async () => ({})),
    RevokeExternalConnectivity: method(ENDPOINT, async () => ({})),
    // The mesh finds its peers itself.
    DiscoverNew: method(EMPTY, async () => ({})),
    DiscoverDelete: method(EMPTY, async () => ({})),
  };
}

function macOf(text: string) {
  const mac = text === '' ? undefined : parseMac(text.toLowerCase());
  if (text !== '' && mac === undefined) throw new Refusal(`"${text}" is not a MAC address`);
  return mac;
}
