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
import { ok, type Problem, type Result, refuse } from '../core/errors.ts';
import type { Allocation } from '../core/host/allocation.ts';
import type { Command, Reply } from '../core/host/step.ts';

export interface AddressHandlerParts {
  ask(command: Command): Promise<Result<Reply>>;
  /** What this host has given out: all of it, and to one owner. */
  allocations(): readonly Allocation[];
  allocatedTo(owner: string): readonly Cidr[];
}

type Handlers = Pick<ControlHandlers, 'allocate' | 'claim' | 'release' | 'held' | 'owned' | 'prime'>;

/** Has an address for a moment, to see whether there is one. */
const PRIMER = 'mesh:prime';
/** What an attempt to get an address says where none can be given at all. */
const UNPRIMED: ReadonlySet<Problem['code']> = new Set(['ring-undivided', 'ipam-off']);

const malformed = (value: string) => refuse({ code: 'bad-address', value });

/** Addresses for who is no container that is attached: other programs keep them with the mesh. */
export function addressHandlers({ ask, allocations, allocatedTo }: AddressHandlerParts): Handlers {
  async function give(owner: string, command: Command): Promise<Result<AddressReply>> {
    const reply = await ask(command);
    return reply.ok ? ok(replyOf(allocatedTo(owner).filter(isAmong(reply.value.addresses)))) : reply;
  }

  return {
    async allocate({ owner, subnet: text }) {
      const subnet = text === undefined ? undefined : parseCidr(text);
      if (text !== undefined && subnet === undefined) return malformed(text);
      return give(owner, { kind: 'allocate', owner, subnet });
    },

    async claim({ owner, address: text }) {
      const address = parseCidr(text);
      return address === undefined ? malformed(text) : give(owner, { kind: 'claim', owner, address });
    },

    async release({ owner, address: text }) {
      const address = text === undefined ? undefined : (parseIpv4(text) ?? parseCidr(text)?.address);
      if (text !== undefined && address === undefined) return malformed(text);
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
      const reply = await ask({ kind: 'allocate', owner: PRIMER, subnet: undefined });
      if (reply.ok) await ask({ kind: 'release', owner: PRIMER, addresses: [] });
      return !reply.ok && UNPRIMED.has(reply.problem.code) ? reply : ok(undefined);
    },
  };
}

const isAmong =
  (addresses: readonly Ipv4[]) =>
  ({ address }: Cidr): boolean =>
    addresses.includes(address);

const replyOf = (addresses: readonly Cidr[]): AddressReply => ({ addresses: addresses.map(formatCidr) });
