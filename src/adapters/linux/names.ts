import { createHash } from 'node:crypto';
import { type Ipv4, type Mac, macFromBytes, parseMac } from '../../core/address.ts';
import type { Plumbed } from '../../ports/dataplane.ts';

/**
 * What things in the switch are called. The names are the switch's own (it is a namespace of its own), so that they
 * are the same under every profile. What a router must know after a restart stands in the links' aliases.
 */

const PREFIX = 'mesh/';
const PLUMBED = /^mesh\/([^/]+)\/(.+)\/([0-9a-f:]{17})$/;
/** IFALIASZ in linux/if.h, less the terminating zero. */
const LONGEST_ALIAS = 255;

export const bridgeName = (vni: number): string => `br-${vni}`;
/** The encrypted ways to all other hosts. */
export const TUNNEL_DEVICE = 'mesh-wg';
/** The ways through the routers themselves. */
export const SLEEVE_DEVICE = 'mesh-sleeve';
export const vxlanName = (vni: number): string => `vx-${vni}`;
/** Where that one sends on the host's network: by which frames go through the routers. */
export const sleeveName = (vni: number): string => `vx-${vni}s`;
/** Where that one sends through tunnels: by which frames to trusted hosts go as they are. */
export const plainName = (vni: number): string => `vx-${vni}p`;

/** The VNI of a bridge that we named, or undefined. */
export function vniOfBridge(name: string): number | undefined {
  const digits = /^br-(\d{1,8})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The VNI of a VXLAN device that we named, of either kind, or undefined. */
export function vniOfVxlan(name: string): number | undefined {
  const digits = /^vx-(\d{1,8})[ps]?$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The switch's end of a container's link: the same whenever it is made, so that a half-made one is found again. */
export function portName(network: string, container: string): string {
  const hash = createHash('sha256').update(`${network}/${container}`).digest('hex');
  return `mv${hash.slice(0, 12)}`;
}

export function isPortName(name: string): boolean {
  return /^mv[0-9a-f]{12}$/.test(name);
}

/** Whether a link of the switch is one that we make. */
export function isOurs(name: string): boolean {
  const isNetworks = vniOfBridge(name) !== undefined || vniOfVxlan(name) !== undefined;
  return isNetworks || isPortName(name) || name === TUNNEL_DEVICE || name === SLEEVE_DEVICE;
}

/** Marks a device by whom frames may be sent to as they are. */
export function trustAlias(trusts: string): string {
  return `${PREFIX}trusts/${createHash('sha256').update(trusts).digest('hex')}`;
}

export function networkAlias(network: string): string {
  return PREFIX + network;
}

export function networkOfAlias(alias: string | undefined): string | undefined {
  return alias?.startsWith(PREFIX) ? alias.slice(PREFIX.length) : undefined;
}

/** Undefined where it would be longer than the kernel stores. */
export function portAlias({ network, container, mac }: Plumbed): string | undefined {
  const alias = `${PREFIX}${network}/${container}/${mac}`;
  return Buffer.byteLength(alias) <= LONGEST_ALIAS ? alias : undefined;
}

export function plumbedOfAlias(alias: string | undefined): Plumbed | undefined {
  const [, network, container, text] = PLUMBED.exec(alias ?? '') ?? [];
  const mac = text === undefined ? undefined : parseMac(text);
  if (network === undefined || container === undefined || mac === undefined) return undefined;
  return { network, container, mac };
}

/** A bridge's MAC where the network gives none: told apart by host, for it may be seen beside those of others. */
export function bridgeMac(vni: number, host: Ipv4): Mac {
  return macFromBytes(createHash('sha256').update(`bridge/${vni}/${host}`).digest());
}
