import {
  type Cidr,
  contains,
  formatCidr,
  fromNumber,
  type Ipv4,
  type Mac,
  serviceAddress,
  toNumber,
} from '../address.ts';
import { endpointOf, HOST_SANDBOX, handedName, type Plumbed } from '../endpoints/attachment.ts';
import { isContainerId, shortId } from '../endpoints/engine-id.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import { keptBack, type Network } from '../networks/network.ts';
import type { Addressing } from './addressing.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import { type Held, replied } from './held.ts';
import { Keepers } from './keepers.ts';
import { endpointReply } from './leg.ts';
import { placeOf } from './memberships.ts';
import type { Networking } from './networking.ts';
import { spaceOf } from './provision.ts';
import type { Command, Reply } from './step.ts';

/** What an engine asks for, by way of its plugins: addresses first, then endpoints that have them. */
export type EndpointCommand =
  /** A subnet for a network that is being made, or that stands; one that is free where none is named. */
  | { readonly kind: 'reserve-subnet'; readonly subnet: Cidr | undefined; readonly range: Cidr | undefined }
  /** One that was reserved will not be a network's. */
  | { readonly kind: 'return-subnet'; readonly subnet: Cidr }
  /** Whether a network of the engine may be `name`, with this subnet; without a name, a new one of the mesh. */
  | { readonly kind: 'check-network'; readonly subnet: Cidr; readonly name: string | undefined }
  /** One of a network's subnet, for an endpoint that is told of later. A gateway is the network's own. */
  | {
      readonly kind: 'reserve-address';
      readonly subnet: Cidr;
      readonly address: Ipv4 | undefined;
      readonly gateway: boolean;
    }
  /** What an endpoint has stays: it was given to that since. */
  | { readonly kind: 'return-address'; readonly address: Ipv4 }
  | {
      readonly kind: 'create-endpoint';
      readonly endpoint: string;
      readonly address: Cidr;
      readonly mac: Mac | undefined;
      /** The container that it is for, where that is known: only it gets an address that was reserved for it. */
      readonly container?: string | undefined;
    }
  /** The engine takes it to `sandbox`. */
  | { readonly kind: 'join-endpoint'; readonly endpoint: string; readonly sandbox: string }
  /** Succeeds also where there is none. */
  | { readonly kind: 'delete-endpoint'; readonly endpoint: string }
  /** Whose it is: that is what its address is called from now on. */
  | {
      readonly kind: 'name-endpoint';
      readonly endpoint: string;
      readonly container: string;
      readonly aliases: readonly string[];
    };

type Attach = Extract<Command, { kind: 'attach' }>;
type Answer = (result: Result<Reply>) => void;

/** Whose an address is that an engine has reserved. */
const RESERVED = 'docker:';
export const reservedName = (address: Ipv4): string => RESERVED + address;
export const isReserved = (owner: string): boolean => owner.startsWith(RESERVED);

const DONE: Result<Reply> = replied([]);

/** The endpoints that an engine asks for and takes to its containers itself. They live from its first word to its last. */
export class Handed {
  readonly #context: Context;
  readonly #addressing: Addressing | undefined;
  readonly #attachments: Attachments;
  readonly #networking: Networking;
  readonly #keepers: Keepers;
  /** Owners of addresses on their way have to be told apart. */
  #requests = 0;

  constructor(
    context: Context,
    addressing: Addressing | undefined,
    attachments: Attachments,
    networking: Networking,
  ) {
    this.#context = context;
    this.#addressing = addressing;
    this.#attachments = attachments;
    this.#networking = networking;
    this.#keepers = new Keepers(context);
  }

  containerRemoved(container: string): void {
    this.#keepers.forget(container);
    this.#attachments.removed(container);
  }

  /** These were reserved for a container, and are no more. */
  released(container: string, addresses: readonly Ipv4[]): void {
    this.#keepers.forget(container, addresses);
  }

  #all(): readonly Readonly<Held>[] {
    return this.#attachments.all().filter(held => endpointOf(held) !== undefined);
  }

  /** `attach` carries one out and answers it. `trouble`: why nothing can be stored now. */
  carryOut(
    command: EndpointCommand,
    trouble: Problem | undefined,
    answer: Answer,
    attach: (command: Attach) => void,
  ): void {
    const takes = command.kind === 'reserve-address' || command.kind === 'create-endpoint';
    if (takes && trouble !== undefined) return answer(refuse(trouble));
    const addressing = this.#addressing;
    switch (command.kind) {
      case 'reserve-subnet':
        return answer(this.#networking.reserve(command.subnet, command.range));
      case 'return-subnet':
        this.#networking.unreserve(command.subnet);
        return answer(DONE);
      case 'check-network':
        return answer(this.#check(command.subnet, command.name));
      case 'reserve-address':
        if (addressing === undefined) return answer(refuse({ code: 'ipam-off' }));
        return this.#reserve(addressing, command, answer);
      case 'return-address':
        this.#return(command.address);
        return answer(DONE);
      case 'create-endpoint':
        return this.#create(command, answer, attach);
      case 'join-endpoint': {
        const held = this.#find(command.endpoint);
        const network = held && this.#context.networks.get(held.network);
        if (held === undefined || network === undefined)
          return answer(refuse({ code: 'endpoint-unknown', endpoint: command.endpoint }));
        const multicast = this.#isFirst(held, command.sandbox);
        answer(replied(held.addresses, { ...endpointReply(held, network)!, multicast }));
        // Only a change of the MTU asks for it: nobody has to wait.
        return this.#attachments.joined(held, command.sandbox);
      }
      case 'delete-endpoint':
        this.#delete(command.endpoint);
        return answer(DONE);
      case 'name-endpoint':
        this.#name(command.endpoint, command.container, command.aliases);
        return answer(DONE);
    }
  }

  /** After a start: what the kernel has no more has ended with its container; all else goes on. */
  resume(found: readonly Plumbed[]): void {
    for (const held of this.#all()) {
      const isThere = found.some(
        ({ container, network }) => container === held.container && network === held.network,
      );
      if (isThere) this.#start(held, held.containerName, held.known);
      else this.#delete(endpointOf(held)!);
    }
    const owners = this.#addressing?.all().map(({ owner }) => owner) ?? [];
    for (const container of new Set([...this.#keepers.containers(), ...owners.filter(isContainerId)]))
      this.#context.emit({ kind: 'follow', container });
  }

  #check(subnet: Cidr, name: string | undefined): Result<Reply> {
    const known = this.#networkOf(subnet);
    const value = formatCidr(subnet);
    if (name === undefined)
      return known === undefined
        ? DONE
        : refuse({ code: 'subnet-overlaps', value, network: known.name, other: value });
    const named = this.#context.networks.get(name);
    if (named === undefined) return refuse({ code: 'network-unknown', network: name });
    const subnets = named.subnets.map(formatCidr).join(', ');
    return named === known ? DONE : refuse({ code: 'network-exists', network: name, subnets });
  }

  #networkOf(subnet: Cidr): Network | undefined {
    const text = formatCidr(subnet);
    return this.#context.networks.all().find(({ subnets }) => subnets.map(formatCidr).includes(text));
  }

  #reserve(
    addressing: Addressing,
    { subnet, address, gateway }: Extract<EndpointCommand, { kind: 'reserve-address' }>,
    answer: Answer,
  ): void {
    const { config } = this.#context;
    const { prefix } = subnet;
    const network = this.#networkOf(subnet);
    if (address !== undefined && !contains(subnet, address))
      return answer(refuse({ code: 'subnet-outside', value: address, range: formatCidr(subnet) }));
    if (gateway) return answer(gatewayOf(network, subnet, address));
    const isKept = network === undefined || keptBack(network).includes(address!);
    // Of a network that is being made, somebody may name addresses that it keeps back.
    if (address !== undefined && isKept) return answer(replied([{ address, prefix }]));
    if (network === undefined)
      return answer(refuse({ code: 'network-unknown', network: formatCidr(subnet) }));
    if (address !== undefined) return this.#claim(addressing, { address, prefix }, answer);
    this.#requests += 1;
    const request = `${RESERVED}${this.#requests}`;
    const { within } = spaceOf(config.ipam!, network);
    addressing.allocate(request, subnet, result => this.#given(addressing, request, result, answer), {
      within,
    });
  }

  #claim(addressing: Addressing, cidr: Cidr, answer: Answer): void {
    const owner = reservedName(cidr.address);
    const before = addressing.ownerOf(cidr.address);
    // It was an endpoint's that is gone; the engine's word on that may still come.
    if (before !== undefined && this.#isFormer(before)) addressing.rename(before, cidr, owner);
    if (before !== undefined && this.#isReservation(before, cidr.address)) {
      this.#keepers.note(cidr.address, before);
      addressing.rename(before, cidr, owner);
    }
    addressing.claim(owner, cidr, result => this.#given(addressing, owner, result, answer));
  }

  #given(addressing: Addressing, owner: string, result: Result<Cidr>, answer: Answer): void {
    if (!result.ok) return answer(result);
    const cidr = result.value;
    const reserved = reservedName(cidr.address);
    if (owner !== reserved) addressing.rename(owner, cidr, reserved);
    addressing.keep(reserved, [cidr]);
    answer(replied([cidr]));
  }

  #return(address: Ipv4): void {
    const addressing = this.#addressing;
    const owner = addressing?.ownerOf(address);
    if (owner === undefined || !(isReserved(owner) || this.#isFormer(owner))) return;
    const keeper = this.#keepers.of(address);
    const cidr = addressing?.of(owner).find(each => each.address === address);
    if (keeper === undefined || cidr === undefined) addressing?.release(owner, true, [address]);
    else addressing?.rename(owner, cidr, keeper);
  }

  /** Whether it was given to a container that has not been started since, or that does not run. */
  #isReservation(owner: string, address: Ipv4): boolean {
    const isAttached = (held: Readonly<Held>): boolean =>
      held.container === owner && [...held.addresses, ...held.lapsed].some(cidr => cidr.address === address);
    return isContainerId(owner) && !this.#attachments.all().some(isAttached);
  }

  /** Whether it is an endpoint that there is no more. */
  #isFormer(owner: string): boolean {
    const endpoint = endpointOf({ container: owner });
    return endpoint !== undefined && this.#find(endpoint) === undefined;
  }

  #create(
    { endpoint, address, mac, container }: Extract<EndpointCommand, { kind: 'create-endpoint' }>,
    answer: Answer,
    attach: (command: Attach) => void,
  ): void {
    const addressing = this.#addressing;
    const { endpoints, networks } = this.#context;
    const network = networks.at(address.address);
    if (network === undefined)
      return answer(refuse({ code: 'network-unknown', network: formatCidr(address) }));
    const keeper = this.#keepers.of(address.address);
    if (keeper !== undefined && keeper !== container)
      return answer(
        refuse({
          code: 'address-taken',
          value: address.address,
          holder: shortId(keeper),
          host: 'this host',
        }),
      );
    const id = handedName(endpoint);
    if (mac !== undefined && this.#find(endpoint) === undefined && endpoints.uses(network.name, mac))
      return answer(refuse({ code: 'mac-taken', value: mac, network: network.name }));
    addressing?.rename(reservedName(address.address), address, id);
    attach({
      kind: 'attach',
      container: { id, name: id, sandbox: HOST_SANDBOX },
      network: network.name,
      addresses: [address],
      nameless: true,
      ...(mac && { mac }),
    });
  }

  /** Its address stays reserved: the engine returns that for itself. */
  #delete(endpoint: string): void {
    const held = this.#find(endpoint);
    if (held === undefined) return;
    for (const cidr of held.addresses)
      this.#addressing?.rename(held.container, cidr, reservedName(cidr.address));
    this.#attachments.removed(held.container);
  }

  /** Whether nothing else of the mesh is in the namespace to which the engine takes it. */
  #isFirst({ container }: Readonly<Held>, sandbox: string): boolean {
    const place = placeOf({ joined: sandbox, sandbox: undefined });
    return !this.#attachments.all().some(held => held.container !== container && placeOf(held) === place);
  }

  #name(endpoint: string, container: string, aliases: readonly string[]): void {
    const held = this.#find(endpoint);
    if (held !== undefined) this.#start(held, container, aliases);
  }

  #start({ container }: Readonly<Held>, name: string, aliases: readonly string[]): void {
    this.#attachments.started({ id: container, name, aliases, sandbox: HOST_SANDBOX });
  }

  #find(endpoint: string): Readonly<Held> | undefined {
    return this.#all().find(held => endpointOf(held) === endpoint);
  }
}

/** What an engine is told of a gateway, which it has to have: nothing goes that way unless somebody is there. */
function gatewayOf(network: Network | undefined, subnet: Cidr, address: Ipv4 | undefined): Result<Reply> {
  const service = serviceAddress(subnet);
  const own = network?.gateway ?? service ?? fromNumber((toNumber(subnet.address) ?? 0) + 1);
  const given = address ?? own;
  const value = formatCidr({ address: given, prefix: subnet.prefix });
  if (network !== undefined && given !== own && given !== service) {
    const why = `the gateway of network "${network.name}" is ${own}`;
    return refuse({ code: 'address-unusable', value, why });
  }
  return replied([{ address: given, prefix: subnet.prefix }]);
}
