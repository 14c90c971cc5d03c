import { type Cidr, contains, type Ipv4, parseCidr, type Vtep } from '../address.ts';
import { tunnelAddress } from '../forwarding.ts';
import type { HostFact } from '../topology/facts.ts';

/** How frames to one peer are kept from being read and forged on their way. */
export type Protection =
  /** They go as they are: nobody asked for more, or both sides trust what is between them. */
  | { readonly kind: 'plain'; readonly vtep: Vtep }
  | {
      readonly kind: 'tunnel';
      /** The peer's address within the tunnel. */
      readonly vtep: Vtep;
      /** Its public key, and where its kernel takes what is encrypted. */
      readonly key: string;
      readonly endpoint: Vtep;
      /** Why it is not plain, where one side would have it so. */
      readonly note: string | undefined;
    }
  /** They can't be protected, so they are not sent. */
  | { readonly kind: 'refused'; readonly vtep: undefined; readonly why: string };

type Party = Pick<HostFact, 'vtep' | 'encryption'>;

/** What both hosts say of themselves decides; each comes to the same. */
export function protectionOf(own: Party, theirs: Party & Pick<HostFact, 'control'>): Protection {
  const { encryption: ours } = own;
  const { control, encryption, vtep } = theirs;
  if (ours === undefined)
    return encryption === undefined
      ? { kind: 'plain', vtep }
      : refused('it encrypts, and this host does not');
  if (encryption === undefined) return refused('its router does not encrypt');
  const isTrusted = trusts(ours.trusts, vtep.address);
  const isTrusting = trusts(encryption.trusts, own.vtep.address);
  if (isTrusted && isTrusting) return { kind: 'plain', vtep };
  if (ours.port === undefined) return refused('this kernel has no WireGuard');
  if (encryption.port === undefined) return refused('its kernel has no WireGuard');
  return {
    kind: 'tunnel',
    vtep: { address: tunnelAddress(control), port: vtep.port },
    key: encryption.key,
    endpoint: { address: vtep.address, port: encryption.port },
    note: noteOf(isTrusted, isTrusting),
  };
}

const refused = (why: string): Protection => ({
  kind: 'refused',
  vtep: undefined,
  why: `${why}: nothing is sent unprotected`,
});

function noteOf(isTrusted: boolean, isTrusting: boolean): string | undefined {
  if (isTrusted) return 'its --trusted-subnets do not name this host: encrypted';
  return isTrusting ? "this host's --trusted-subnets do not name it: encrypted" : undefined;
}

function trusts(subnets: readonly string[], address: Ipv4): boolean {
  return subnets.some(text => {
    const subnet: Cidr | undefined = parseCidr(text);
    return subnet !== undefined && contains(subnet, address);
  });
}
