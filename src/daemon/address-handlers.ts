import type { AddressReply, ControlHandlers } from '../api/control/contract.ts';
import {
  type Cidr,
  compare,
  contains,
  formatCidr,
  type Ipv4,
  parseCidr,
  parseIpv4,
} from '../core/address.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { Allocation } from '../core/host/allocation.ts';
import { type Command, NOBODY, type Reply } from '../core/host/step.ts';

export interface AddressHandlerParts {
  ask(command: Command): Promise<Result<Reply>>;
  /** What this host has given out: all of it, and to one owner. */
  allocations(): readonly Allocation[];
  allocatedTo(owner: string): readonly Cidr[];
  /** Refuses unless the container runs. */
  inspect(container: string): Promise<Result<unknown>>;
}

type Handlers = Pick<ControlHandlers, 'allocate' | 'claim' | 'release' | 'held' | 'owned' | 'prime'>;

const malformed = (value: string) => refuse({ code: 'bad-address', value });

/** Addresses for who is no container that is attached: other programs keep them with the mesh. */
export function addressHandlers({ ask, allocations, allocatedTo, inspect }: AddressHandlerParts): Handlers {
  /** Where `checkAlive`, the owner is a container, and gets nothing unless it runs. */
  async function give(
    command: Extract<Command, { kind: 'allocate' | 'claim' }>,
    checkAlive = false,
  ): Promise<Result<AddressReply>> {
    const before = new Set(allocatedTo(command.owner).map(({ address }) => address));
    const reply = await ask(command);
    if (!reply.ok) return reply;
    const { addresses } = reply.value;
    const owner = ownerOf(command.owner, addresses[0]);
    const container = checkAlive ? await inspect(owner) : ok(undefined);
    if (container.ok) return ok(replyOf(allocatedTo(owner).filter(isAmong(addresses))));
    const gone = addresses.filter(address => !before.has(address));
    if (gone.length > 0) await ask({ kind: 'release', owner, addresses: gone });
    return container;
  }

  return {
    async allocate({ owner, subnet: text, checkAlive }) {
      const subnet = text === undefined ? undefined : parseCidr(text);
      if (text !== undefined && subnet === undefined) return malformed(text);
      return give({ kind: 'allocate', owner, subnet }, checkAlive);
    },

    async claim({ owner, address: text, checkAlive }) {
      const address = parseCidr(text);
      return address === undefined ? malformed(text) : give({ kind: 'claim', owner, address }, checkAlive);
    },

    async release({ owner: asked, address: text }) {
      const address = text === undefined ? undefined : (parseIpv4(text) ?? parseCidr(text)?.address);
      if (text !== undefined && address === undefined) return malformed(text);
      const owner = ownerOf(asked, address);
      const before = allocatedTo(owner);
      if (address === undefined && before.length === 0) return refuse({ code: 'owner-unknown', owner });
      const addresses = address === undefined ? [] : [address];
      const reply = await ask({ kind: 'release', owner, addresses });
      return reply.ok ? ok(replyOf(before.filter(isAmong(reply.value.addresses)))) : reply;
    },

    async held({ owner, subnet: text }) {
      const subnet = text === undefined ? undefined : parseCidr(text);
      if (text !== undefined && subnet === undefined) return malformed(text);
      const all = allocatedTo(owner);
      return ok(replyOf(subnet === undefined ? all : all.filter(({ address }) => contains(subnet, address))));
    },

    async owned() {
      const byOwner = Map.groupBy(allocations(), ({ owner }) => owner);
      const owned = [...byOwner].map(([owner, given]) => ({
        owner,
        addresses: given.map(({ cidr }) => formatCidr(cidr)),
      }));
      return ok({ owned: owned.sort((a, b) => compare(a.owner, b.owner)) });
    },

    async prime() {
      const reply = await ask({ kind: 'prime' });
      return reply.ok ? ok(undefined) : reply;
    },
  };
}

/** What nobody in particular asked for is the address's own. */
const ownerOf = (owner: string, address: Ipv4 | undefined): string =>
  owner === NOBODY && address !== undefined ? address : owner;

const isAmong =
  (addresses: readonly Ipv4[]) =>
  ({ address }: Cidr): boolean =>
    addresses.includes(address);

const replyOf = (addresses: readonly Cidr[]): AddressReply => ({ addresses: addresses.map(formatCidr) });
