import type { Identity } from '../adapters/libp2p/identity.ts';
import type { TunnelOptions } from '../adapters/linux/dataplane.ts';
import type { SleeveOptions } from '../adapters/linux/sleeve/sleeve.ts';
import type { Settings } from '../api/control/options.ts';
import { formatCidr } from '../core/address.ts';
import type { Encryption, SleeveFact } from '../core/topology/facts.ts';
import type { TunnelKeys } from '../ports/tunnel-keys.ts';
import { tunnelKeys } from './tunnel-keys.ts';

/** How this host encrypts what it sends. */
export interface Encrypting {
  /** For the data plane. */
  readonly tunnels: TunnelOptions;
  /** What others are told, where the kernel encrypts and where it can't. */
  told(works: boolean): Encryption;
  /** Told from now on at which port the kernel takes what is encrypted, whenever that changes. */
  follow(tell: (port: number | undefined) => void): void;
}

/**
 * The data port, of which a firewall knows; where that takes what trusted hosts send as it is, the UDP port with the number
 * of the control port.
 */
function portFor({ dataPort, port, trustedSubnets }: Settings): number {
  if (trustedSubnets.length === 0) return dataPort;
  return port === dataPort ? dataPort - 1 : port;
}

/** Where the router takes frames itself: the UDP port with the number of the control port, unless tunnels end there. */
export function sleevePort({ port }: Settings, encryption: Encrypting | undefined): number {
  return encryption?.tunnels.port === port ? port - 1 : port;
}

/** With whom a host shares a secret, whether or not the mesh has a password. */
export const keysOf = (identity: Identity, password = ''): TunnelKeys =>
  tunnelKeys(identity.privateKey.raw.subarray(0, 32), password);

/** What others are told of the way through this router. */
export function sleeveFact({ keys, only, port }: SleeveOptions, { whole }: { whole: boolean }): SleeveFact {
  return { port, only, whole, key: Buffer.from(keys.publicKey).toString('base64') };
}

/** Frames are encrypted where the mesh has a password. */
export function encrypting(settings: Settings, identity: Identity, password: string): Encrypting {
  const keys = keysOf(identity, password);
  const trusts = settings.trustedSubnets.map(formatCidr);
  const port = portFor(settings);
  const portOf = (works: boolean): number | undefined => (works ? port : undefined);
  let tell = (_port: number | undefined): void => undefined;
  return {
    tunnels: { keys, port, trusts, changed: works => tell(portOf(works)) },
    told(works) {
      const key = Buffer.from(keys.publicKey).toString('base64');
      return { key, trusts, ...(works && { port }) };
    },
    follow(listener) {
      tell = listener;
    },
  };
}
