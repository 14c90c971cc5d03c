import { type Cidr, contains, formatCidr, networkAddress, parseCidr } from '../../core/address.ts';

/** What a container is to have on the mesh. */
export interface Wish {
  /** Its address on the mesh's own Docker network: this very one, or any (`any`); undefined: it is not on it. */
  readonly endpoint: Cidr | 'any' | undefined;
  /** With other subnets than that network has: attached beside it, when the container starts. */
  readonly addresses: readonly string[];
  readonly subnets: readonly string[];
}

export type WishResult = { readonly wish: Wish | undefined } | { readonly wrong: string };

export interface WishOptions {
  /** Name of the variable that asks: `MESH_CIDR`. */
  readonly variable: string;
  /** Who says nothing gets an address, too. */
  readonly isDefault: boolean;
  /** The subnet of the mesh's own Docker network; undefined where none is given out. */
  readonly subnet: Cidr | undefined;
  /** None is on that network: all that it wants is attached when it starts. */
  readonly attaching?: object | undefined;
}

/** The value of a variable in a container's environment; the last one counts. */
export function variableIn(environment: unknown, name: string): string | undefined {
  if (!Array.isArray(environment)) return undefined;
  const found = environment.findLast(entry => typeof entry === 'string' && entry.startsWith(`${name}=`));
  return typeof found === 'string' ? found.slice(name.length + 1) : undefined;
}

/** What the environment asks for; `wish` is undefined where the container is to be left alone. */
export function readWish(environment: unknown, options: WishOptions): WishResult {
  const asked = variableIn(environment, options.variable);
  if (asked === undefined)
    return options.isDefault && options.subnet !== undefined
      ? readWords(['net:default'], options)
      : { wish: undefined };
  const words = asked.split(/\s+/).filter(word => word !== '');
  if (words.includes('none'))
    return words.length === 1 ? { wish: undefined } : { wrong: `${options.variable}: "none" stands alone` };
  return words.length === 0 ? readWords(['net:default'], options) : readWords(words, options);
}

function readWords(words: readonly string[], { attaching, variable, subnet }: WishOptions): WishResult {
  const addresses: string[] = [];
  const subnets: string[] = [];
  let endpoint: Wish['endpoint'];
  for (const word of words) {
    const isSpace = word.startsWith('net:');
    const text = isSpace ? word.slice('net:'.length) : word.replace(/^ip:/, '');
    const cidr = isSpace && text === 'default' ? subnet : parseCidr(text);
    if (isSpace && text === 'default' && subnet === undefined)
      return { wrong: `${variable}: this router gives out no addresses; name one, like 10.0.0.11/24` };
    if (cidr === undefined)
      return {
        wrong: `${variable}: "${word}" is neither "none", nor an address like 10.0.0.11/24, nor net:default or net: and a subnet`,
      };
    const isOwn =
      attaching === undefined &&
      subnet !== undefined &&
      cidr.prefix === subnet.prefix &&
      contains(subnet, cidr.address);
    if (isOwn && endpoint === undefined) endpoint = isSpace ? 'any' : cidr;
    else if (isSpace) subnets.push(formatCidr({ address: networkAddress(cidr), prefix: cidr.prefix }));
    else addresses.push(formatCidr(cidr));
  }
  return { wish: { endpoint, addresses, subnets } };
}
