import type { Ipv4 } from '../address.ts';
import { NAMES_MAX } from '../endpoints/endpoint.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import { toBytes } from '../json.ts';
import { foreignKey, NAMES } from '../names/foreign.ts';
import type { ZoneName } from '../names/name.ts';
import type { Write } from '../replica.ts';
import type { Attachments } from './attachments.ts';
import { type Called, union } from './called.ts';
import type { Context } from './context.ts';
import type { Held } from './held.ts';
import type { Command, Reply } from './step.ts';

type NameCommand = Extract<Command, { kind: 'name' | 'unname' }>;

const NOTHING = toBytes({});
const DONE: Result<Reply> = { ok: true, value: { addresses: [], detached: [] } };

/** Gives names and takes them away: those of containers here go with their endpoints, others are facts of their own. */
export class Naming {
  readonly #context: Context;
  readonly #attachments: Attachments;

  constructor(context: Context, attachments: Attachments) {
    this.#context = context;
    this.#attachments = attachments;
  }

  carryOut(command: NameCommand): Result<Reply> {
    const { container, network } = command;
    if (container === undefined) return this.#addresses(command);
    const held = this.#attachments.find(network, container);
    if (held === undefined) return refuse({ code: 'not-attached', container, address: undefined });
    const stray = command.addresses.find(address => !held.addresses.some(own => own.address === address));
    if (stray !== undefined) return refuse({ code: 'not-attached', container, address: stray });
    return this.#held(held, command);
  }

  #held(held: Readonly<Held>, { kind, addresses, names }: NameCommand): Result<Reply> {
    const meant = names.length > 0 || kind === 'unname' ? names : held.known;
    const targets = addresses.length > 0 ? addresses : [undefined];
    if (kind === 'unname') {
      const left = without(held, addresses, meant);
      if (left === undefined) return refuse({ code: 'name-unknown', what: held.containerName });
      this.#attachments.call(held, left);
      return DONE;
    }
    const more = targets.flatMap(address => meant.map(name => ({ name, address })));
    const all = union(held.called, more);
    if (all.length > NAMES_MAX)
      return refuse({ code: 'name-many', container: held.containerName, limit: NAMES_MAX });
    this.#attachments.call(held, all);
    return DONE;
  }

  #addresses(command: NameCommand): Result<Reply> {
    const { addresses, kind, network } = command;
    const owners = addresses.map(address => this.#owner(network, address, kind));
    const problem = owners.find(owner => 'code' in owner);
    if (problem !== undefined && 'code' in problem) return refuse(problem);
    for (const [index, address] of addresses.entries()) {
      const owner = owners[index];
      const held = owner !== undefined && 'held' in owner ? owner.held : undefined;
      const one = { ...command, addresses: [address] };
      const result = held === undefined ? this.#foreign(one, address) : this.#held(held, one);
      if (!result.ok) return result;
    }
    return DONE;
  }

  /** Whose address it is: a container's here, nobody's in the mesh, or one that isn't to be named here. */
  #owner(
    network: string,
    address: Ipv4,
    kind: NameCommand['kind'],
  ): { held: Readonly<Held> | undefined } | Problem {
    const { config, endpoints, networks, topology } = this.#context;
    // One that is held on no such network is meant where it lies.
    const places = [network, networks.at(address)?.name ?? network];
    const holder = first(places, place => endpoints.holder(place, address));
    const held = first(places, place => this.#attachments.holding(place, address));
    if (held !== undefined || kind === 'unname') return { held };
    if (holder !== undefined && holder.owner !== config.self) {
      const host = topology.host(holder.owner)?.nickname ?? holder.owner;
      return { code: 'name-elsewhere', value: address, holder: holder.endpoint.containerName, host };
    }
    const addressing = this.#context.addressing();
    const isNobodys = addressing?.manages(address) && addressing.ownerOf(address) === undefined;
    return isNobodys ? { code: 'name-nobodys', value: address } : { held: undefined };
  }

  #foreign({ kind, names }: NameCommand, address: Ipv4): Result<Reply> {
    const { config, replica, write } = this.#context;
    const known = replica
      .ofOwner(config.self)
      .filter(({ domain, key }) => domain === NAMES && key.endsWith(`/${address}`))
      .map(({ key }) => key);
    const named = names.map(name => foreignKey({ name, address }));
    const gone = named.length === 0 ? known : named.filter(key => known.includes(key));
    if (kind === 'unname' && gone.length === 0) return refuse({ code: 'name-unknown', what: address });
    const writes = (kind === 'name' ? named : gone).map<Write>(key => ({
      domain: NAMES,
      key,
      value: kind === 'name' ? NOTHING : undefined,
    }));
    write(writes);
    return DONE;
  }
}

function first<T>(places: readonly string[], find: (place: string) => T | undefined): T | undefined {
  for (const place of places) {
    const found = find(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is left of its names when `names` (none: all) are taken from `addresses` (none: all); undefined where none was there. */
function without(
  { addresses, called }: Readonly<Held>,
  from: readonly Ipv4[],
  names: readonly ZoneName[],
): readonly Called[] | undefined {
  const isMeant = ({ name, address }: Called): boolean =>
    (names.length === 0 || names.includes(name)) &&
    (from.length === 0 || address === undefined || from.includes(address));
  if (!called.some(isMeant)) return undefined;
  return called.flatMap(one => {
    if (!isMeant(one)) return [one];
    if (from.length === 0 || one.address !== undefined) return [];
    // It was the name of all: now it is that of the others.
    const others = addresses.filter(({ address }) => !from.includes(address));
    return others.map(({ address }) => ({ name: one.name, address }));
  });
}
