import type { ControlHandlers, DataplaneReport, Health, ProxyReport } from '../api/control/contract.ts';
import { parsePeers } from '../api/control/peer.ts';
import type { Cidr } from '../core/address.ts';
import { HOST_LEG } from '../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import { DEFAULT_NETWORK } from '../core/networks/network.ts';
import type { Report } from '../core/report.ts';
import { type AddressHandlerParts, addressHandlers } from './address-handlers.ts';
import { attachedIn, parseAddresses, parseSubnets, withPrefixes } from './cidrs.ts';
import type { Containers } from './containers.ts';
import { exposeHandlers } from './expose-handlers.ts';
import { type NameHandlerParts, nameHandlers, parseNames } from './name-handlers.ts';
import { type NetworkHandlerParts, networkHandlers } from './network-handlers.ts';
import { removePeers } from './remove-peers.ts';
import { repairAddresses } from './repair.ts';

export interface HandlerParts extends AddressHandlerParts, NameHandlerParts, NetworkHandlerParts {
  readonly containers: Containers;
  /** Peers named without a port are taken to listen on this one. */
  readonly port: number;
  /** Where an address comes from that is asked for without a subnet; undefined where none is given out. */
  readonly defaultSubnet: Cidr | undefined;
  report(): Report;
  dataplane(): Promise<DataplaneReport>;
  health(): Health;
  proxy(): Result<ProxyReport>;
  stop(): void;
}

/** What the control socket offers, in terms of the host's commands. */
export function createHandlers(parts: HandlerParts): ControlHandlers {
  return {
    health: async () => ok(parts.health()),
    report: async () => ok(parts.report()),
    dataplane: async () => ok(await parts.dataplane()),
    proxy: async () => parts.proxy(),

    async attach({
      container: name,
      addresses: texts,
      subnets: spaces = [],
      names: called = [],
      network = DEFAULT_NETWORK.name,
      withoutDns,
      withoutMulticast,
    }) {
      const addresses = parseAddresses(texts);
      if (!addresses.ok) return addresses;
      const subnets = parseSubnets(spaces, parts.defaultSubnet);
      if (!subnets.ok) return subnets;
      const names = parseNames(called, parts.zone);
      if (!names.ok) return names;
      const container = await parts.containers.inspect(name);
      if (!container.ok) return container;
      const command = {
        kind: 'attach',
        container: container.value,
        network,
        addresses: addresses.value,
        subnets: subnets.value,
        names: names.value,
        nameless: withoutDns ?? false,
        unicast: withoutMulticast,
      } as const;
      const reply = await parts.ask(command);
      if (!reply.ok) return reply;
      const isNamed = reply.value.addresses.length === addresses.value.length;
      const known = isNamed ? addresses.value : attachedIn(parts.report());
      return ok({ addresses: withPrefixes(reply.value.addresses, known) });
    },

    async detach({ container: name, network = DEFAULT_NETWORK.name, addresses: texts = [] }) {
      if (name === HOST_LEG) return refuse({ code: 'container-is-host', container: name });
      const addresses = parseAddresses(texts);
      if (!addresses.ok) return addresses;
      const before = parts.report();
      const reply = await parts.ask({ kind: 'detach', container: name, network, addresses: addresses.value });
      if (reply.ok) return ok({ addresses: withPrefixes(reply.value.addresses, attachedIn(before)) });
      // A name that nothing here has is another mistake than one that isn't attached, and `docker ps` helps with it.
      const known = await parts.containers.inspect(name);
      return known.ok || known.problem.code === 'docker-unreachable' ? reply : known;
    },

    ...addressHandlers(parts),
    ...nameHandlers(parts),
    ...exposeHandlers(parts),

    async connect({ peers: texts, replace = false }) {
      const peers = parsePeers(texts, parts.port);
      return peers.ok ? nothing(await parts.ask({ kind: 'connect', peers: peers.value, replace })) : peers;
    },

    rmpeer: request => removePeers(parts, request),

    async forget({ peers: texts }) {
      const peers = parsePeers(texts, parts.port);
      return peers.ok ? nothing(await parts.ask({ kind: 'forget', peers: peers.value })) : peers;
    },

    repair: request => repairAddresses(parts.ask, request),

    ...networkHandlers(parts),

    async leave() {
      const before = parts.report();
      const reply = await parts.ask({ kind: 'leave' });
      if (!reply.ok) return reply;
      const detached = reply.value.detached.map(({ container, containerName, addresses }) => ({
        container,
        containerName,
        addresses: withPrefixes(addresses, attachedIn(before)),
      }));
      return ok({ detached });
    },

    async stop() {
      parts.stop();
      return ok(undefined);
    },
  };
}

const nothing = (result: Result<unknown>): Result<void> => (result.ok ? ok(undefined) : result);
