import { type Ipv4, parseIpv4 } from '../address.ts';
import { endpointOf } from '../endpoints/attachment.ts';
import { isObject } from '../json.ts';
import { isZoneName, nameOfContainer, parseName, type ZoneName } from '../names/name.ts';
import type { Held } from './held.ts';
import type { Sandbox } from './step.ts';

/** A name of a container: for one of its addresses, or for all that it has and will have. */
export interface Called {
  readonly name: ZoneName;
  readonly address: Ipv4 | undefined;
}

/** How the mesh calls containers. */
export interface Naming {
  readonly zone: string;
  /** Attached ones by their host name only, and that only if it is given in full; undefined: by all that they are called. */
  readonly byHostName?: boolean | undefined;
}

/** What its runtime calls a container, as far as that is something in the zone. */
export function namesFrom(
  { id, name, aliases = [] }: Sandbox,
  { zone, byHostName }: Naming,
): readonly ZoneName[] {
  if (byHostName && endpointOf({ container: id }) === undefined) return fullNames(aliases, zone);
  const own = nameOfContainer(name, zone);
  const others = aliases.flatMap(alias => {
    const parsed = parseName(alias, zone);
    return parsed.ok ? [parsed.value] : [];
  });
  return [...new Set([...(own === undefined ? [] : [own]), ...others])];
}

function fullNames(aliases: readonly string[], zone: string): readonly ZoneName[] {
  return aliases.flatMap(alias => {
    const parsed = alias.includes('.') ? parseName(alias, zone) : undefined;
    return parsed?.ok ? [parsed.value] : [];
  });
}

/** What an address of it is called, sorted. */
export function namesAt({ called }: Pick<Held, 'called'>, address: Ipv4): readonly ZoneName[] {
  const names = called.filter(one => one.address === undefined || one.address === address);
  return [...new Set(names.map(({ name }) => name))].sort();
}

export const always = (names: readonly ZoneName[]): readonly Called[] =>
  names.map(name => ({ name, address: undefined }));

export function union(some: readonly Called[], more: readonly Called[]): readonly Called[] {
  const all = [...some];
  for (const one of more) {
    const isIn = all.some(
      ({ name, address }) => name === one.name && (address === undefined || address === one.address),
    );
    if (!isIn) all.push(one);
  }
  return all;
}

/** Its runtime calls it otherwise than before: what the user took away or added stays so. */
export function renamed({ called, known }: Held, now: readonly ZoneName[]): readonly Called[] {
  const fresh = now.filter(name => !known.includes(name));
  const stale = known.filter(name => !now.includes(name));
  const kept = called.filter(({ name, address }) => address !== undefined || !stale.includes(name));
  return union(kept, always(fresh));
}

export const encodeCalled = (called: readonly Called[]): readonly object[] =>
  called.map(({ name, address }) => ({ name, ...(address === undefined ? {} : { address }) }));

export function decodeCalled(value: unknown): readonly Called[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown): readonly Called[] => {
    if (!isObject(item) || !isZoneName(item['name'])) return [];
    const address = item['address'] === undefined ? undefined : parseIpv4(String(item['address']));
    return [{ name: item['name'], address }];
  });
}
