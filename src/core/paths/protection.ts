import { type Cidr, contains, type Ipv4, parseCidr, type Vtep } from '../address.ts';
import { type Sleeve, sleeveAddress, tunnelAddress } from '../forwarding.ts';
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
  | {
      readonly kind: 'sleeve';
      /** The peer's address behind both routers, which encrypt where the mesh has a password. */
      readonly vtep: Vtep;
      readonly isEncrypted: boolean;
      readonly why: string;
    }
  /** They can't be protected, so they are not sent. */
  | { readonly kind: 'refused'; readonly vtep: undefined; readonly why: string };

type Party = Pick<HostFact, 'boot' | 'vtep' | 'encryption' | 'sleeve'>;
type Peer = Party & Pick<HostFact, 'control'>;

/** What both hosts say of themselves decides; each comes to the same. */
export function protectionOf(own: Party, theirs: Peer): Protection {
  const { encryption: ours } = own;
  const { control, encryption, vtep } = theirs;
  if (ours === undefined)
    return encryption === undefined
      ? (onlyBySleeve(own, theirs) ?? { kind: 'plain', vtep })
      : refused('it encrypts, and this host does not');
  if (encryption === undefined) return refused('its router does not encrypt');
  const isTrusted = trusts(ours.trusts, vtep.address);
  const isTrusting = trusts(encryption.trusts, own.vtep.address);
  const only = onlyBySleeve(own, theirs);
  if (only !== undefined) return only;
  if (isTrusted && isTrusting) return { kind: 'plain', vtep };
  if (ours.port === undefined || encryption.port === undefined) {
    const why = `${ours.port === undefined ? 'this' : 'its'} kernel has no WireGuard`;
    return bySleeve(own, theirs, why) ?? refused(why);
  }
  return {
    kind: 'tunnel',
    vtep: { address: tunnelAddress(control), port: vtep.port },
    key: encryption.key,
    endpoint: { address: vtep.address, port: encryption.port },
    note: noteOf(isTrusted, isTrusting),
  };
}

/** The way through both routers; undefined where one of them has none, or one has a password and the other has not. */
export function sleeveTo(own: Party, theirs: Peer): Sleeve | undefined {
  const { sleeve, control, vtep, encryption } = theirs;
  if (own.sleeve === undefined || sleeve === undefined) return undefined;
  if ((own.encryption === undefined) !== (encryption === undefined)) return undefined;
  return {
    address: sleeveAddress(control),
    tunnel: tunnelAddress(control),
    endpoint: { address: vtep.address, port: sleeve.port },
    session: [own.boot, theirs.boot].sort().join(' '),
    key: sleeve.key,
    whole: sleeve.whole,
  };
}

function bySleeve(own: Party, theirs: Peer, why: string): Protection | undefined {
  const sleeve = sleeveTo(own, theirs);
  if (sleeve === undefined) return undefined;
  const vtep = { address: sleeve.address, port: theirs.vtep.port };
  return { kind: 'sleeve', vtep, isEncrypted: theirs.encryption !== undefined, why };
}

/** Undefined where frames may go other ways, too. */
function onlyBySleeve(own: Party, theirs: Peer): Protection | undefined {
  if (own.sleeve?.only !== true && theirs.sleeve?.only !== true) return undefined;
  const whose = own.sleeve?.only === true ? 'this host' : 'it';
  const why = `${whose} was launched with --no-fastdp`;
  const missing = `${why}, and ${own.sleeve === undefined ? 'this host' : 'it'} has no other way`;
  return bySleeve(own, theirs, why) ?? { kind: 'refused', vtep: undefined, why: missing };
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
