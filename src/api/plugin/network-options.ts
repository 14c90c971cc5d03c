import { MTU_MIN } from '../../core/networks/fact.ts';
import { isNetworkName } from '../../core/networks/name.ts';
import { Refusal } from './host.ts';

/** What `docker network create -o` may say. */

export const GENERIC = 'com.docker.network.generic';
export const MTU_OPTION = 'com.docker.network.driver.mtu';
export const MTU_OPTIONS: readonly string[] = [MTU_OPTION, 'mtu'];
/** With an empty value, as the command line has it, or `true`. */
export const ENCRYPTED_OPTION = 'encrypted';
/** The mesh network that it is: set where a router makes it, so that it is not made into one anew. */
export const NAME_OPTION = 'mesh.network';
/** What engines say of every network beside what the user gave. */
const ENGINE = ['com.docker.network.internal', 'com.docker.network.enable_ipv4', GENERIC];
const IPV6 = 'com.docker.network.enable_ipv6';

/** Whether containers have no route for multicast: an option with that meaning says `false`. */
export const isUnicast = (options: Readonly<Record<string, string>>, multicastOption: string): boolean =>
  options[multicastOption] === 'false';

export const isEncrypted = (options: Readonly<Record<string, string>>): boolean =>
  ['', 'true'].includes(options[ENCRYPTED_OPTION] ?? 'false');

const isTrue = (value: unknown): boolean => value === true || value === 'true';

/** Gives the mesh network that it is to be, where that is said. Throws a `Refusal` for what a mesh network can't be. */
export function readOptions(
  options: Readonly<Record<string, unknown>>,
  multicastOption: string,
): string | undefined {
  if (isTrue(options[IPV6])) throw new Refusal('the mesh has no IPv6: leave out --ipv6');
  const given = options[GENERIC];
  const generic = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
  const all = Object.entries({ ...options, ...generic });
  for (const [name, value] of all) checkOption(name, value, multicastOption);
  return generic[NAME_OPTION] as string | undefined;
}

function checkOption(name: string, value: unknown, multicastOption: string): void {
  if (name === IPV6 || ENGINE.includes(name)) return;
  if (MTU_OPTIONS.includes(name)) {
    const mtu = Number(value);
    if (/^\d{3,5}$/.test(String(value)) && mtu >= MTU_MIN && mtu <= 65_535) return;
    throw new Refusal(`-o ${name}=${value}: it takes a number from ${MTU_MIN} to 65535`);
  }
  if (name === NAME_OPTION) {
    if (typeof value === 'string' && isNetworkName(value)) return;
    throw new Refusal(`-o ${name}=${value}: that can't be the name of a network`);
  }
  if (name === ENCRYPTED_OPTION || name === multicastOption) {
    if (['', 'true', 'false'].includes(String(value))) return;
    throw new Refusal(`-o ${name}=${value}: it takes no value, or true, or false`);
  }
  throw new Refusal(
    `there is no option "${name}" for a mesh network; it takes ${[...MTU_OPTIONS, ENCRYPTED_OPTION, multicastOption, NAME_OPTION].join(', ')}`,
  );
}
