import { type Ipv4, parseIpv4 } from '../address.ts';
import { isText, toBytes, toObject } from '../json.ts';
import type { Context } from './context.ts';

export const KEEPER_PREFIX = 'keeper/';

/** As engines call containers. */

/**
 * Containers whose address stays theirs while endpoints that have it come and go with their starts: from when it was reserved for
 * them until they are removed.
 */
export class Keepers {
  readonly #context: Context;
  readonly #byAddress = new Map<Ipv4, string>();

  constructor(context: Context) {
    this.#context = context;
    for (const [key, bytes] of context.config.records) {
      const address = key.startsWith(KEEPER_PREFIX) ? parseIpv4(key.slice(KEEPER_PREFIX.length)) : undefined;
      const container = toObject(bytes)?.['container'];
      if (address !== undefined && isText(container, 64)) this.#byAddress.set(address, container);
    }
  }

  of(address: Ipv4): string | undefined {
    return this.#byAddress.get(address);
  }

  containers(): readonly string[] {
    return [...this.#byAddress.values()];
  }

  note(address: Ipv4, container: string): void {
    if (this.of(address) === container) return;
    this.#byAddress.set(address, container);
    const records = new Map([[KEEPER_PREFIX + address, toBytes({ container })]]);
    this.#context.emit({ kind: 'persist', records });
  }

  /** What the container has is its own no more; where some are named, only these. */
  forget(container: string, only?: readonly Ipv4[]): void {
    const gone = [...this.#byAddress]
      .filter(([address, keeper]) => keeper === container && (only === undefined || only.includes(address)))
      .map(([address]) => address);
    if (gone.length === 0) return;
    for (const address of gone) this.#byAddress.delete(address);
    const records = new Map(gone.map(address => [KEEPER_PREFIX + address, undefined]));
    this.#context.emit({ kind: 'persist', records });
  }
}
