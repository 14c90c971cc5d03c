import { type Cidr, formatCidr, type Ipv4, type PeerId, parseCidr, parseIpv4 } from '../address.ts';
import { isObject, isText, isWithin, toBytes, toObject } from '../json.ts';
import { isNetworkName } from './name.ts';
import type { Network } from './network.ts';

/** The domain of what networks there are. The key of an entry is the network's name. */
export const NETWORKS = 'networks';
/** The domain of which networks are no more: anybody may say so. The key of an entry is the network's id. */
export const NETWORK_REMOVALS = 'network-removals';

/** When a network was made first, and by whom: who states it again says the same. */
export interface Origin {
  readonly stamp: number;
  readonly owner: PeerId;
}

/** One owner's word that there is a network. */
export interface NetworkFact {
  readonly network: Network;
  /** Undefined where the owner made it: then it is this very entry that tells. */
  readonly origin: Origin | undefined;
}

export const VNI_MAX = 0xff_ff_ff;
export const SUBNETS_MAX = 16;
export const AUX_MAX = 32;
export const LABELS_MAX = 32;
export const MTU_MIN = 576;
const MTU_MAX = 65_535;

export function encodeNetwork({ network, origin }: NetworkFact): Uint8Array {
  const { id, name, vni, subnets, range, gateway, aux, mtu, internal, encrypted, labels } = network;
  return toBytes({
    vni,
    subnets: subnets.map(formatCidr),
    ...(id !== name && { id }),
    ...(range && { range: formatCidr(range) }),
    ...(gateway && { gateway }),
    ...(aux && { aux }),
    ...(mtu && { mtu }),
    ...(internal && { internal }),
    ...(encrypted && { encrypted }),
    ...(labels && { labels }),
    ...(origin && { origin: [origin.stamp, origin.owner] }),
  });
}

export function decodeNetwork(name: string, bytes: Uint8Array): NetworkFact | undefined {
  const value = toObject(bytes);
  if (value === undefined || !isNetworkName(name)) return undefined;
  // Routers before there were ids told of none.
  const { id = name, vni } = value;
  const subnets = decodeSubnets(value['subnets']);
  if (!isText(id, 64) || id === '' || !isWithin(vni, 1, VNI_MAX) || subnets === undefined) return undefined;
  const details = decodeDetails(value);
  return (
    details && { network: { name, id, vni, subnets, ...details }, origin: decodeOrigin(value['origin']) }
  );
}

type Details = Omit<Network, 'name' | 'id' | 'vni' | 'subnets'>;

/** Undefined where one of them is not what it should be. */
function decodeDetails(value: Readonly<Record<string, unknown>>): Details | undefined {
  const range = value['range'] === undefined ? undefined : decodeCidr(value['range']);
  const gateway = isText(value['gateway'], 15) ? parseIpv4(value['gateway']) : undefined;
  const aux = value['aux'] === undefined ? {} : textsIn(value['aux'], AUX_MAX);
  const labels = value['labels'] === undefined ? {} : textsIn(value['labels'], LABELS_MAX);
  const { mtu } = value;
  if ((value['range'] === undefined) !== (range === undefined)) return undefined;
  if ((value['gateway'] === undefined) !== (gateway === undefined)) return undefined;
  if (mtu !== undefined && !isWithin(mtu, MTU_MIN, MTU_MAX)) return undefined;
  if (aux === undefined || labels === undefined) return undefined;
  if (!Object.values(aux).every(address => parseIpv4(address) !== undefined)) return undefined;
  return {
    ...(range && { range }),
    ...(gateway && { gateway }),
    ...(value['aux'] !== undefined && { aux: aux as Readonly<Record<string, Ipv4>> }),
    ...(mtu && { mtu }),
    ...(value['internal'] === true && { internal: true }),
    ...(value['encrypted'] === true && { encrypted: true }),
    ...(value['labels'] !== undefined && { labels }),
  };
}

function decodeSubnets(value: unknown): readonly Cidr[] | undefined {
  if (!Array.isArray(value) || value.length > SUBNETS_MAX) return undefined;
  const parsed = value.map(decodeCidr);
  return parsed.every(subnet => subnet !== undefined) ? parsed : undefined;
}

const decodeCidr = (value: unknown): Cidr | undefined => (isText(value, 18) ? parseCidr(value) : undefined);

function textsIn(value: unknown, limit: number): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  const isFine = entries.every(([key, text]) => isText(key, 256) && isText(text, 1_024));
  return isFine && entries.length <= limit ? (value as Readonly<Record<string, string>>) : undefined;
}

function decodeOrigin(value: unknown): Origin | undefined {
  if (!Array.isArray(value)) return undefined;
  const [stamp, owner] = value as unknown[];
  if (!isWithin(stamp, 0, Number.MAX_SAFE_INTEGER) || !isText(owner, 128)) return undefined;
  return { stamp, owner: owner as PeerId };
}
