import { type Cidr, contains, parseCidr } from '../../src/core/address.ts';
import { ok, type Result, refuse } from '../../src/core/errors.ts';

/** What stands for addresses on Weave's command line: `[ip:]CIDR`, `net:CIDR`, `net:default`. */
export type AddressWord =
  | { readonly kind: 'address'; readonly cidr: string }
  /** Undefined: the default subnet. */
  | { readonly kind: 'subnet'; readonly subnet: string | undefined };

const SUBNET = 'net:';
const ADDRESS = 'ip:';

/** Undefined where it is none, but a name. */
function readWord(word: string): AddressWord | undefined {
  if (word === `${SUBNET}default`) return { kind: 'subnet', subnet: undefined };
  const isSubnet = word.startsWith(SUBNET);
  const text = isSubnet ? word.slice(SUBNET.length) : word.replace(new RegExp(`^${ADDRESS}`), '');
  if (parseCidr(text) === undefined) return undefined;
  return isSubnet ? { kind: 'subnet', subnet: text } : { kind: 'address', cidr: text };
}

/** All of `words`; refuses with `bad-address`. */
export function readAddressWords(words: readonly string[]): Result<readonly AddressWord[]> {
  const read: AddressWord[] = [];
  for (const word of words) {
    const one = readWord(word);
    if (one === undefined) return refuse({ code: 'bad-address', value: word });
    read.push(one);
  }
  return ok(read);
}

/** As the control socket takes them; with no words at all, one in the default subnet is meant. */
export function requestOf(words: readonly AddressWord[]): {
  readonly addresses: readonly string[];
  readonly subnets: readonly string[];
} {
  const subnets = words.flatMap(word => (word.kind === 'subnet' ? [word.subnet ?? 'default'] : []));
  return {
    addresses: words.flatMap(word => (word.kind === 'address' ? [word.cidr] : [])),
    subnets: words.length === 0 ? ['default'] : subnets,
  };
}

/** Those of `held` (with prefix) that each word means, in the order of the words: what is not held is left out. */
export function meant(
  words: readonly AddressWord[],
  held: readonly string[],
  defaultSubnet: string | undefined,
): readonly string[] {
  const all: readonly AddressWord[] = words.length === 0 ? [{ kind: 'subnet', subnet: undefined }] : words;
  const found = all.flatMap(word => {
    if (word.kind === 'address') return held.filter(each => addressOf(each) === addressOf(word.cidr));
    const subnet = parseCidr(word.subnet ?? defaultSubnet ?? '');
    return subnet === undefined ? [] : held.filter(each => isIn(subnet, each));
  });
  return [...new Set(found)];
}

/** An address with the subnet's own prefix, which is in it. */
function isIn(subnet: Cidr, text: string): boolean {
  const cidr = parseCidr(text);
  return cidr !== undefined && cidr.prefix === subnet.prefix && contains(subnet, cidr.address);
}

/** Without prefix. */
export const addressOf = (text: string): string => text.split('/')[0] ?? '';

/** As Weave prints them: without prefix, in one line. */
export const bare = (cidrs: readonly string[]): string => cidrs.map(addressOf).join(' ');
