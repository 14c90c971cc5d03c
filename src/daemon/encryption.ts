import type { Identity } from '../adapters/libp2p/identity.ts';
import type { TunnelOptions } from '../adapters/linux/dataplane.ts';
import type { Settings } from '../api/control/options.ts';
import type { Encryption } from '../core/topology/facts.ts';
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

/** Frames are encrypted where the mesh has a password. */
export function encrypting(settings: Settings, identity: Identity, password: string): Encrypting {
  const keys = tunnelKeys(identity.privateKey.raw.subarray(0, 32), password);
  const portOf = (works: boolean): number | undefined => (works ? settings.dataPort : undefined);
  let tell = (_port: number | undefined): void => undefined;
  return {
    tunnels: { keys, changed: works => tell(portOf(works)) },
    told(works) {
      const port = portOf(works);
      const key = Buffer.from(keys.publicKey).toString('base64');
      return { key, trusts: [], ...(port !== undefined && { port }) };
    },
    follow(listener) {
      tell = listener;
    },
  };
}
