import { type Cidr, formatCidr } from '../address.ts';
import { type Result, refuse } from '../errors.ts';
import type { Network } from '../networks/network.ts';
import type { Addressing } from './addressing.ts';
import { type Command, type IpamConfig, NOBODY, type Reply } from './step.ts';

type Attach = Extract<Command, { kind: 'attach' }>;
type AddressCommand = Extract<Command, { kind: 'allocate' | 'claim' | 'release' }>;
type Step = (next: (result: Result<Cidr>) => void) => void;

/**
 * Gets a container what it asks for, one after the other: the addresses named, and one of each subnet. Those outside of
 * what the mesh gives out are nobody's to give. Of a request that fails, nothing stays with the owner.
 */
export function provide(
  addressing: Addressing | undefined,
  ipam: IpamConfig | undefined,
  { container, addresses, subnets = [] }: Pick<Attach, 'container' | 'addresses' | 'subnets'>,
  network: Network,
  done: (result: Result<readonly Cidr[]>) => void,
): void {
  const isBare = addresses.length === 0 && subnets.length === 0;
  if (addressing === undefined || ipam === undefined) {
    return done(isBare || subnets.length > 0 ? refuse({ code: 'ipam-off' }) : { ok: true, value: addresses });
  }
  const { id } = container;
  const steps: readonly Step[] = [
    ...addresses.map<Step>(
      cidr => next =>
        addressing.manages(cidr.address) ? addressing.claim(id, cidr, next) : next({ ok: true, value: cidr }),
    ),
    ...subnets.map<Step>(subnet => next => addressing.allocate(id, subnet, next)),
    ...(isBare ? [spaceOf(ipam, network)] : []).map<Step>(
      ({ subnet, within }) =>
        next =>
          addressing.allocate(id, subnet, next, { within }),
    ),
  ];
  const found: Cidr[] = [];
  const go = (index: number): void => {
    const step = steps[index];
    if (step === undefined) return done({ ok: true, value: found });
    step(result => {
      if (!result.ok) {
        addressing.release(id, false);
        return done(result);
      }
      found.push(result.value);
      go(index + 1);
    });
  };
  go(0);
}

/** Where an address of a network comes from that nobody names. */
export function spaceOf(
  { defaultSubnet }: IpamConfig,
  network: Network,
): { readonly subnet: Cidr; readonly within: Cidr } {
  const subnet = network.subnets[0] ?? defaultSubnet;
  return { subnet, within: network.range ?? subnet };
}

/** Addresses for who is no container that is attached; what is answered is durable. */
export function answerAddressCommand(
  addressing: Addressing | undefined,
  ipam: IpamConfig | undefined,
  command: AddressCommand,
  answer: (result: Result<Reply>) => void,
): void {
  if (addressing === undefined || ipam === undefined) return answer(refuse({ code: 'ipam-off' }));
  const { owner } = command;
  const given = (result: Result<Cidr>): void => {
    if (!result.ok) return answer(result);
    const { address } = result.value;
    if (owner === NOBODY) addressing.rename(owner, result.value, address);
    addressing.keep(owner === NOBODY ? address : owner, [result.value]);
    answer({ ok: true, value: { addresses: [result.value.address], detached: [] } });
  };
  switch (command.kind) {
    case 'allocate':
      return addressing.allocate(owner, command.subnet ?? ipam.defaultSubnet, given);
    case 'claim': {
      const { address } = command.address;
      if (addressing.manages(address))
        return addressing.claim(owner === NOBODY ? address : owner, command.address, given);
      const range = formatCidr(ipam.universe);
      return answer(refuse({ code: 'subnet-outside', value: formatCidr(command.address), range }));
    }
    case 'release': {
      const unknown = command.addresses.find(address => addressing.ownerOf(address) !== owner);
      if (unknown !== undefined) return answer(refuse({ code: 'address-unallocated', value: unknown }));
      const only = command.addresses.length === 0 ? undefined : command.addresses;
      const gone = addressing.release(owner, true, only).map(({ address }) => address);
      return answer({ ok: true, value: { addresses: gone, detached: [] } });
    }
  }
}
