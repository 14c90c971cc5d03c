import type { Cidr, Ipv4 } from '../address.ts';
import { type Attachment, endpointOf, HOST_LEG, HOST_SANDBOX } from '../endpoints/attachment.ts';
import type { Network } from '../networks/network.ts';
import { always, type Called } from './called.ts';
import type { Held } from './held.ts';
import type { Command, EndpointReply, HostConfig, Sandbox } from './step.ts';

/** The host's own leg in a network: attached like a container, but for what is said here. */

type Attach = Extract<Command, { kind: 'attach' }>;

/** It runs whenever the host does. */
export const LEG: Sandbox = { id: HOST_LEG, name: HOST_LEG, sandbox: HOST_SANDBOX };

const isLeg = ({ container }: Pick<Held, 'container'>): boolean => container === HOST_LEG;

/** What `addresses` are called from now on. A container's names are those of all that it has, the leg's of each address. */
export function calledWith(
  held: Held,
  { names = [] }: Attach,
  addresses: readonly Cidr[],
): readonly Called[] {
  return isLeg(held)
    ? addresses.flatMap(({ address }) => names.map(name => ({ name, address })))
    : always(names);
}

/** The addresses without translation, when these are attached as the user asks: what is asked last holds. */
export function plainWith(
  { plain }: Held,
  { masquerade = true }: Attach,
  addresses: readonly Cidr[],
): readonly Ipv4[] {
  const asked = addresses.map(({ address }) => address);
  const others = plain.filter(address => !asked.includes(address));
  return masquerade ? others : [...others, ...asked];
}

/** What the kernel is told of the leg, and of what an engine takes, beside what it is told of every container. */
export function legOf(
  held: Held,
  addresses: readonly Cidr[],
  devices: Pick<HostConfig, 'device' | 'deviceMtu' | 'legDevice'>,
): Pick<Attachment, 'device' | 'deviceMtu' | 'masqueraded' | 'handed' | 'unicast'> {
  const endpoint = endpointOf(held);
  if (endpoint !== undefined) return { device: waitingDevice(endpoint), handed: { joined: held.joined } };
  const { device, deviceMtu } = devices;
  if (!isLeg(held))
    return {
      device,
      ...((held.waiting ?? held).unicast && { unicast: true }),
      ...(deviceMtu !== undefined && { deviceMtu }),
    };
  const plain = held.waiting?.plain ?? held.plain;
  return {
    device: devices.legDevice,
    masqueraded: addresses.filter(({ address }) => !plain.includes(address)),
  };
}

/** What the end of an endpoint is called until its engine takes it: IFNAMSIZ leaves it ten digits of the id. */
const waitingDevice = (endpoint: string): string => `mesh-${endpoint.slice(0, 10)}`;

/** What an engine is told of an endpoint that it asked for; undefined for everything else. */
export function endpointReply(held: Held, network: Network): EndpointReply | undefined {
  const endpoint = endpointOf(held);
  if (endpoint === undefined) return undefined;
  const { internal = false, name } = network;
  return { network: name, mac: held.mac, device: waitingDevice(endpoint), internal };
}
