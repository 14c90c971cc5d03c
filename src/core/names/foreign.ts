import { type Ipv4, parseIpv4 } from '../address.ts';
import { isZoneName, type ZoneName } from './name.ts';

/** The domain of names for addresses that no container of the mesh has. The key of an entry says it all. */
export const NAMES = 'names';

export interface ForeignName {
  readonly name: ZoneName;
  readonly address: Ipv4;
}

export const foreignKey = ({ name, address }: ForeignName): string => `${name}/${address}`;

export function decodeForeign(key: string): ForeignName | undefined {
  const [name, text = '', ...more] = key.split('/');
  const address = parseIpv4(text);
  return isZoneName(name) && address !== undefined && more.length === 0 ? { name, address } : undefined;
}
