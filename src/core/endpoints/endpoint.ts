import { type Ipv4, type Mac, parseIpv4, parseMac } from '../address.ts';
import { isText, isWithin, toBytes, toObject } from '../json.ts';
import { isZoneName, type ZoneName } from '../names/name.ts';

/** The domain of which container has which address, behind which host (the entry's owner). */
export const ENDPOINTS = 'endpoints';

/** One address of a container on one network: at once its DNS record, its ARP entry and its FDB entry. */
export interface Endpoint {
  readonly network: string;
  readonly address: Ipv4;
  readonly prefix: number;
  readonly mac: Mac;
  /** As `Container.id` and `Container.name`. */
  readonly container: string;
  readonly containerName: string;
  /** What it is called in the zone. */
  readonly names: readonly ZoneName[];
}

/** More than anybody needs, and little enough for one fact. */
export const NAMES_MAX = 64;

export const endpointKey = (network: string, address: Ipv4): string => `${network}/${address}`;

export function encodeEndpoint({ prefix, mac, container, containerName, names }: Endpoint): Uint8Array {
  return toBytes({ prefix, mac, container, name: containerName, ...(names.length === 0 ? {} : { names }) });
}

export function decodeEndpoint(key: string, bytes: Uint8Array): Endpoint | undefined {
  const value = toObject(bytes);
  const slash = key.lastIndexOf('/');
  const address = parseIpv4(key.slice(slash + 1));
  const network = key.slice(0, slash);
  if (value === undefined || slash < 1 || address === undefined || !isText(network, 64)) return undefined;
  const { prefix, container, name } = value;
  const mac = isText(value['mac'], 17) ? parseMac(value['mac']) : undefined;
  if (mac === undefined || !isWithin(prefix, 0, 32) || !isText(container, 512) || !isText(name, 512))
    return undefined;
  return { network, address, prefix, mac, container, containerName: name, names: namesIn(value['names']) };
}

/** Routers before there were names tell of none; what is no name is left out, the endpoint stands without it. */
const namesIn = (value: unknown): readonly ZoneName[] =>
  Array.isArray(value) ? value.slice(0, NAMES_MAX).filter(isZoneName) : [];
