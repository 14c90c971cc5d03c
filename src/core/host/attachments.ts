import {
  type Cidr,
  compare,
  formatCidr,
  type Ipv4,
  type Mac,
  macOfAddress,
  parseCidr,
  parseMac,
} from '../address.ts';
import type { Attachment, Plumbed } from '../endpoints/attachment.ts';
import { ENDPOINTS, encodeEndpoint, endpointKey } from '../endpoints/endpoint.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import { isText, toBytes, toObject } from '../json.ts';
import type { Network } from '../networks/network.ts';
import { checkAddresses, describeHolder } from './attachable.ts';
import type { Context, Write } from './context.ts';
import type { Detached, Reply, Sandbox } from './step.ts';

const RECORD_PREFIX = 'attachment/';

/** A container of this host that the user attached: durable, also while the container is stopped. */
interface Held {
  readonly network: string;
  readonly container: string;
  readonly containerName: string;
  readonly mac: Mac;
  addresses: readonly Cidr[];
  /** Its network namespace; undefined while it isn't running. */
  sandbox: string | undefined;
  /** What the kernel was last told; undefined where nothing is plumbed. */
  plumbed: Attachment | undefined;
  /** Told to the kernel and not answered yet. */
  asked: Attachment | undefined;
  /** Waiting for that answer. */
  waiting: { readonly ticket: number; readonly addresses: readonly Cidr[] } | undefined;
  problem: Problem | undefined;
}

export interface Attachments {
  attach(ticket: number, container: Sandbox, network: string, addresses: readonly Cidr[]): void;
  detach(ticket: number, container: string, network: string, addresses: readonly Cidr[]): void;
  plumbed(network: string, container: string, result: Result<void>): void;
  /** Follows what is held, and takes out what an earlier router left that is held no more. */
  adopt(found: readonly Plumbed[]): void;
  started(container: Sandbox): void;
  died(id: string): void;
  removed(id: string): void;
  /** Looks at who holds the addresses now, and plumbs or unplumbs as that asks. */
  settle(keys: ReadonlySet<string>): void;
  leave(): readonly Detached[];
  dormant(): readonly {
    readonly held: Held;
    readonly addresses: readonly Cidr[];
    readonly why: Problem | undefined;
  }[];
}

export function createAttachments(context: Context): Attachments {
  const { config, emit, endpoints, networks } = context;
  const all = new Map<string, Held>();
  for (const [key, bytes] of config.records) {
    const held = key.startsWith(RECORD_PREFIX) ? decodeRecord(bytes) : undefined;
    if (held !== undefined) all.set(recordKey(held), held);
  }

  const ours = (held: Held, address: Ipv4): boolean => {
    const holder = endpoints.holder(held.network, address);
    return holder?.owner === config.self && holder.endpoint.container === held.container;
  };

  /** Keeps the record, or drops it where no address is left. */
  const store = (held: Held): void => {
    const value = held.addresses.length === 0 ? undefined : encodeRecord(held);
    if (value === undefined) all.delete(recordKey(held));
    else all.set(recordKey(held), held);
    emit({ kind: 'persist', records: new Map([[recordKey(held), value]]) });
  };

  const claim = (held: Held, { address, prefix }: Cidr): Write => {
    const { network, container, containerName, mac } = held;
    const value = encodeEndpoint({ network, address, prefix, mac, container, containerName });
    return { domain: ENDPOINTS, key: endpointKey(network, address), value };
  };

  const withdraw = (held: Held, addresses: readonly Cidr[]): readonly Write[] =>
    addresses.map(({ address }) => ({
      domain: ENDPOINTS,
      key: endpointKey(held.network, address),
      value: undefined,
    }));

  function plumb(held: Held, network: Network, addresses: readonly Cidr[]): void {
    if (held.sandbox === undefined) return;
    const { container, mac, sandbox } = held;
    const attachment = {
      network: network.name,
      vni: network.vni,
      container,
      sandbox,
      device: config.device,
      mac,
      mtu: context.mtu(),
      addresses,
    };
    held.asked = attachment;
    emit({ kind: 'plumb', attachment });
  }

  const unplumb = (held: Held): void => {
    if (held.plumbed === undefined && held.asked === undefined) return;
    held.plumbed = undefined;
    held.asked = undefined;
    emit({ kind: 'unplumb', network: held.network, container: held.container });
  };

  /** Brings the kernel to those addresses of `held` that it holds in the eyes of all. */
  function settleOne(held: Held): void {
    const network = networks.get(held.network);
    if (held.waiting !== undefined || held.sandbox === undefined || network === undefined) return;
    const wanted = held.addresses.filter(({ address }) => ours(held, address));
    const now = held.asked ?? held.plumbed;
    if (wanted.length === 0) unplumb(held);
    else if (now === undefined || now.sandbox !== held.sandbox || !same(now.addresses, wanted))
      plumb(held, network, wanted);
  }

  function attach(ticket: number, container: Sandbox, networkName: string, addresses: readonly Cidr[]): void {
    const answer = (result: Result<Reply>): void => emit({ kind: 'reply', ticket, result });
    const network = networks.get(networkName);
    if (network === undefined) return answer(refuse({ code: 'network-unknown', network: networkName }));
    const known = all.get(recordKey({ network: networkName, container: container.id }));
    if (known?.waiting !== undefined)
      return answer(refuse({ code: 'container-busy', container: container.name }));
    const problem =
      checkAddresses(context, network, container.id, addresses) ??
      pendingElsewhere(all, networkName, container, addresses);
    if (problem !== undefined) return answer({ ok: false, problem });
    const held: Held = known ?? {
      network: networkName,
      container: container.id,
      containerName: container.name,
      mac: freeMac(context, network, addresses[0]!.address),
      addresses: [],
      sandbox: undefined,
      plumbed: undefined,
      asked: undefined,
      waiting: undefined,
      problem: undefined,
    };
    all.set(recordKey(held), held);
    held.sandbox = container.sandbox;
    held.waiting = { ticket, addresses };
    plumb(
      held,
      network,
      merge(
        held.addresses.filter(({ address }) => ours(held, address)),
        addresses,
      ),
    );
  }

  /** The kernel has the interface of an `attach`: now it may be told, unless somebody was faster. */
  function conclude(held: Held, waiting: NonNullable<Held['waiting']>, problem: Problem | undefined): void {
    const { ticket, addresses } = waiting;
    const network = networks.get(held.network)!;
    const refused = problem ?? checkAddresses(context, network, held.container, addresses);
    held.waiting = undefined;
    if (refused !== undefined) {
      if (problem === undefined || held.addresses.length === 0) unplumb(held);
      if (held.addresses.length === 0) all.delete(recordKey(held));
      else settleOne(held);
      return emit({ kind: 'reply', ticket, result: { ok: false, problem: refused } });
    }
    const union = merge(held.addresses, addresses);
    if (union.length > held.addresses.length) {
      held.addresses = union;
      store(held);
    }
    context.write(held.addresses.map(address => claim(held, address)));
    emit({ kind: 'follow', container: held.container });
    emit({ kind: 'reply', ticket, result: replied(addresses) });
  }

  function plumbed(network: string, container: string, result: Result<void>): void {
    const held = all.get(recordKey({ network, container }));
    if (held === undefined) return emit({ kind: 'unplumb', network, container });
    if (held.asked === undefined) return;
    held.plumbed = result.ok ? held.asked : undefined;
    held.asked = undefined;
    held.problem = result.ok ? undefined : result.problem;
    if (held.waiting !== undefined) return conclude(held, held.waiting, held.problem);
    if (!result.ok) {
      const data = { container: held.containerName, problem: result.problem.code };
      emit({ kind: 'log', level: 'warn', message: 'container could not be plumbed', data });
      context.write(withdraw(held, held.addresses));
    }
  }

  function detach(ticket: number, name: string, network: string, addresses: readonly Cidr[]): void {
    const held = find(all, network, name);
    const missing = addresses.find(({ address }) => !held?.addresses.some(own => own.address === address));
    if (held === undefined || held.waiting !== undefined || missing !== undefined) {
      const address = missing && formatCidr(missing);
      return emit({
        kind: 'reply',
        ticket,
        result: refuse({ code: 'not-attached', container: name, address }),
      });
    }
    const gone = held.addresses.filter(
      ({ address }) => addresses.length === 0 || addresses.some(one => one.address === address),
    );
    held.addresses = held.addresses.filter(own => !gone.includes(own));
    store(held);
    context.write(withdraw(held, gone));
    if (held.addresses.length === 0) unplumb(held);
    else settleOne(held);
    emit({ kind: 'reply', ticket, result: replied(gone) });
  }

  const of = (id: string): readonly Held[] => [...all.values()].filter(held => held.container === id);

  function started(container: Sandbox): void {
    for (const held of of(container.id)) {
      if (held.waiting !== undefined) continue;
      if (held.sandbox !== undefined && held.sandbox !== container.sandbox) unplumb(held);
      held.sandbox = container.sandbox;
      context.write(held.addresses.map(address => claim(held, address)));
      settleOne(held);
    }
  }

  function died(id: string): void {
    for (const held of of(id)) {
      held.sandbox = undefined;
      context.write(withdraw(held, held.addresses));
      held.plumbed = undefined;
      held.asked = undefined;
      // Also where this router never plumbed it: an earlier one may have.
      emit({ kind: 'unplumb', network: held.network, container: held.container });
    }
  }

  return {
    attach,
    detach,
    plumbed,
    started,
    died,
    removed(id) {
      died(id);
      for (const held of of(id)) {
        held.addresses = [];
        store(held);
      }
    },
    adopt(found) {
      for (const { network, container } of found) {
        if (!all.has(recordKey({ network, container }))) emit({ kind: 'unplumb', network, container });
      }
      for (const held of all.values()) emit({ kind: 'follow', container: held.container });
    },
    settle(keys) {
      for (const held of all.values()) {
        if (held.addresses.some(({ address }) => keys.has(endpointKey(held.network, address))))
          settleOne(held);
      }
    },
    leave() {
      const left = [...all.values()].sort((a, b) => compare(a.containerName, b.containerName));
      for (const held of left) unplumb(held);
      emit({ kind: 'persist', records: new Map(left.map(held => [recordKey(held), undefined])) });
      all.clear();
      return left.map(({ container, containerName, addresses }) => ({
        container,
        containerName,
        addresses: addresses.map(({ address }) => address),
      }));
    },
    dormant() {
      return [...all.values()].flatMap(held => {
        const addresses = held.addresses.filter(
          ({ address }) => held.sandbox === undefined || !ours(held, address),
        );
        return addresses.length === 0
          ? []
          : [{ held, addresses, why: held.problem ?? taken(context, held, addresses) }];
      });
    },
  };
}

function taken(context: Context, held: Held, addresses: readonly Cidr[]): Problem | undefined {
  for (const { address } of addresses) {
    const holder = context.endpoints.holder(held.network, address);
    if (holder !== undefined && holder.owner !== context.config.self) return describeHolder(context, holder);
  }
  return undefined;
}

/** An address that another container of this host is being given right now. */
function pendingElsewhere(
  all: ReadonlyMap<string, Held>,
  network: string,
  container: Sandbox,
  addresses: readonly Cidr[],
): Problem | undefined {
  for (const held of all.values()) {
    if (held.network !== network || held.container === container.id) continue;
    const both = [...held.addresses, ...(held.waiting?.addresses ?? [])];
    const clash = addresses.find(({ address }) => both.some(other => other.address === address));
    if (clash !== undefined) {
      return { code: 'address-taken', value: clash.address, holder: held.containerName, host: 'this host' };
    }
  }
  return undefined;
}

/** The MAC that goes with an address, or the next one where that is in use. */
function freeMac(context: Context, network: Network, address: Ipv4): Mac {
  for (let salt = 0; ; salt += 1) {
    const mac = macOfAddress(network.vni, address, salt);
    if (!context.endpoints.uses(network.name, mac)) return mac;
  }
}

function find(all: ReadonlyMap<string, Held>, network: string, name: string): Held | undefined {
  const candidates = [...all.values()].filter(held => held.network === network);
  const exact = candidates.find(held => held.container === name || held.containerName === name);
  const prefixed = name.length >= 4 ? candidates.filter(held => held.container.startsWith(name)) : [];
  return exact ?? (prefixed.length === 1 ? prefixed[0] : undefined);
}

const replied = (addresses: readonly Cidr[]): Result<Reply> => ({
  ok: true,
  value: { addresses: addresses.map(({ address }) => address), detached: [] },
});

const recordKey = ({ network, container }: { network: string; container: string }): string =>
  `${RECORD_PREFIX}${network}/${container}`;

function merge(some: readonly Cidr[], more: readonly Cidr[]): readonly Cidr[] {
  return [...some, ...more.filter(({ address }) => !some.some(own => own.address === address))];
}

function same(some: readonly Cidr[], others: readonly Cidr[]): boolean {
  const text = (addresses: readonly Cidr[]): string => addresses.map(formatCidr).sort(compare).join(' ');
  return text(some) === text(others);
}

function encodeRecord({ network, container, containerName, mac, addresses }: Held): Uint8Array {
  return toBytes({ network, container, name: containerName, mac, addresses: addresses.map(formatCidr) });
}

function decodeRecord(bytes: Uint8Array): Held | undefined {
  const value = toObject(bytes);
  if (value === undefined) return undefined;
  const { network, container, name: containerName, addresses } = value;
  const mac = isText(value['mac'], 17) ? parseMac(value['mac']) : undefined;
  if (!isText(network, 64) || !isText(container, 512) || !isText(containerName, 512) || mac === undefined)
    return undefined;
  const parsed = Array.isArray(addresses) ? addresses.map(text => parseCidr(String(text))) : [];
  const whole = parsed.filter(cidr => cidr !== undefined);
  const idle = {
    sandbox: undefined,
    plumbed: undefined,
    asked: undefined,
    waiting: undefined,
    problem: undefined,
  };
  return { network, container, containerName, mac, addresses: whole, ...idle };
}
