import {
  type Cidr,
  compare,
  formatCidr,
  type Ipv4,
  type Mac,
  parseCidr,
  parseIpv4,
  parseMac,
} from '../address.ts';
import { type Attachment, HOST_LEG } from '../endpoints/attachment.ts';
import { ENDPOINTS, encodeEndpoint, endpointKey } from '../endpoints/endpoint.ts';
import type { Problem, Result } from '../errors.ts';
import { isText, toBytes, toObject } from '../json.ts';
import { isZoneName, type ZoneName } from '../names/name.ts';
import type { Network } from '../networks/network.ts';
import type { Write } from '../replica.ts';
import { type Called, decodeCalled, encodeCalled, namesAt } from './called.ts';
import type { Detached, EndpointReply, Reply, Sandbox } from './step.ts';

const RECORD_PREFIX = 'attachment/';

/** A container that is down keeps what the mesh gave it for so long. */
export const LAPSE_MS = 30_000;
export const lapse = (id: string): string => `lapse ${id}`;

/** A container of this host that the user attached: durable, also while the container is stopped. */
export interface Held {
  readonly network: string;
  readonly container: string;
  containerName: string;
  mac: Mac;
  addresses: readonly Cidr[];
  /** What the mesh gave it and took back while it was down. */
  lapsed: readonly Cidr[];
  /** What its runtime called it when it was last looked at. */
  known: readonly ZoneName[];
  called: readonly Called[];
  /** Of the host's own leg: those of its addresses for whose subnets the host does not translate. */
  plain: readonly Ipv4[];
  /** It has no route for multicast. */
  unicast: boolean;
  /** Its network namespace; undefined while it isn't running. */
  sandbox: string | undefined;
  /** Of an endpoint that an engine asked for: the namespace where the engine has taken it. */
  joined: string | undefined;
  /** What the kernel was last told; undefined where nothing is plumbed. */
  plumbed: Attachment | undefined;
  /** Told to the kernel and not answered yet. */
  asked: Attachment | undefined;
  /** An earlier router plumbed something that this one knows no more of. */
  inherited: boolean;
  /** Waiting for that answer; what it gets with it. */
  waiting:
    | {
        readonly ticket: number;
        readonly addresses: readonly Cidr[];
        readonly called: readonly Called[];
        readonly plain: readonly Ipv4[];
        readonly unicast: boolean;
      }
    | undefined;
  problem: Problem | undefined;
}

const IDLE = {
  sandbox: undefined,
  plumbed: undefined,
  asked: undefined,
  inherited: false,
  waiting: undefined,
  problem: undefined,
};

export function newlyHeld(network: Network, container: Sandbox, mac: Mac): Held {
  return {
    network: network.name,
    container: container.id,
    containerName: container.name,
    mac,
    addresses: [],
    lapsed: [],
    known: [],
    called: [],
    plain: [],
    unicast: false,
    joined: undefined,
    ...IDLE,
  };
}

/** What the mesh is told: this container has the address. */
export function claim(held: Held, { address, prefix }: Cidr): Write {
  const { network, container, containerName, mac } = held;
  const names = namesAt(held, address);
  const value = encodeEndpoint({ network, address, prefix, mac, container, containerName, names });
  return { domain: ENDPOINTS, key: endpointKey(network, address), value };
}

export function withdraw(held: Held, addresses: readonly Cidr[]): readonly Write[] {
  return addresses.map(({ address }) => ({
    domain: ENDPOINTS,
    key: endpointKey(held.network, address),
    value: undefined,
  }));
}

export const recordKey = ({ network, container }: { network: string; container: string }): string =>
  `${RECORD_PREFIX}${network}/${container}`;

export function encodeRecord(held: Held): Uint8Array {
  const { network, container, containerName, mac, addresses, lapsed, known, called, plain, unicast, joined } =
    held;
  return toBytes({
    network,
    container,
    name: containerName,
    mac,
    addresses: addresses.map(formatCidr),
    ...(lapsed.length === 0 ? {} : { lapsed: lapsed.map(formatCidr) }),
    ...(known.length === 0 ? {} : { known }),
    ...(called.length === 0 ? {} : { called: encodeCalled(called) }),
    ...(plain.length === 0 ? {} : { plain }),
    ...(unicast && { unicast }),
    ...(joined === undefined ? {} : { joined }),
  });
}

/** What the store held of an attachment; undefined for a record of anything else. */
export function decodeRecord(key: string, bytes: Uint8Array): Held | undefined {
  const value = key.startsWith(RECORD_PREFIX) ? toObject(bytes) : undefined;
  if (value === undefined) return undefined;
  const { network, container, name: containerName, addresses } = value;
  const mac = isText(value['mac'], 17) ? parseMac(value['mac']) : undefined;
  if (!isText(network, 64) || !isText(container, 512) || !isText(containerName, 512) || mac === undefined)
    return undefined;
  return {
    network,
    container,
    containerName,
    mac,
    addresses: cidrsIn(addresses),
    lapsed: cidrsIn(value['lapsed']),
    known: Array.isArray(value['known']) ? value['known'].filter(isZoneName) : [],
    called: decodeCalled(value['called']),
    plain: addressesIn(value['plain']),
    unicast: value['unicast'] === true,
    joined: isText(value['joined'], 512) ? value['joined'] : undefined,
    ...IDLE,
  };
}

const cidrsIn = (value: unknown): readonly Cidr[] =>
  Array.isArray(value) ? value.flatMap(text => parseCidr(String(text)) ?? []) : [];

const addressesIn = (value: unknown): readonly Ipv4[] =>
  Array.isArray(value) ? value.flatMap(text => parseIpv4(String(text)) ?? []) : [];

/** Both, each address once. */
export function merge(some: readonly Cidr[], more: readonly Cidr[]): readonly Cidr[] {
  const all = [...some, ...more];
  return all.filter((cidr, index) => all.findIndex(other => other.address === cidr.address) === index);
}

export function same(some: readonly Cidr[], others: readonly Cidr[]): boolean {
  const text = (addresses: readonly Cidr[]): string => addresses.map(formatCidr).sort(compare).join(' ');
  return text(some) === text(others);
}

/** By name or id, or by the beginning of an id that no other on the network has. */
export function findHeld(all: ReadonlyMap<string, Held>, network: string, name: string): Held | undefined {
  const candidates = [...all.values()].filter(held => held.network === network);
  const exact = candidates.find(held => held.container === name || held.containerName === name);
  // The host's own leg has no id that somebody would shorten.
  const isShortOf = ({ container }: Held): boolean => container !== HOST_LEG && container.startsWith(name);
  const prefixed = name.length >= 4 ? candidates.filter(isShortOf) : [];
  return exact ?? (prefixed.length === 1 ? prefixed[0] : undefined);
}

/** What a command that gave or took these addresses is answered. */
export const replied = (addresses: readonly Cidr[], endpoint?: EndpointReply): Result<Reply> => ({
  ok: true,
  value: {
    addresses: addresses.map(({ address }) => address),
    detached: [],
    ...(endpoint && { endpoint }),
  },
});

export const detachedOf = ({ container, containerName, addresses }: Held): Detached => ({
  container,
  containerName,
  addresses: addresses.map(({ address }) => address),
});
