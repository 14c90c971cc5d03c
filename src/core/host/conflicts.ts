import type { PeerId } from '../address.ts';
import type { Claim } from '../endpoints/view.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';

/**
 * Brings containers to what other claims on their addresses mean, and says it when one here and one of another host have the
 * same, and when that is over.
 */
export class Conflicts {
  readonly #context: Context;
  readonly #attachments: Attachments;
  readonly #changed = new Set<string>();
  /** By key of the address: of whom that was said. */
  readonly #said = new Map<string, string>();

  constructor(context: Context, attachments: Attachments) {
    this.#context = context;
    this.#attachments = attachments;
  }

  /** Other claims stand on the address with this key (see `endpointKey`). */
  changed(key: string): void {
    this.#changed.add(key);
  }

  review(): void {
    if (this.#changed.size === 0) return;
    const keys = new Set(this.#changed);
    this.#changed.clear();
    this.#attachments.settle(keys);
    this.#tell(keys);
  }

  #tell(keys: Iterable<string>): void {
    const { config, emit, endpoints } = this.#context;
    for (const key of keys) {
      const claims = endpoints.claims(key);
      const [holder, ...losers] = claims;
      const isOurs = claims.some(({ owner }) => owner === config.self);
      if (holder === undefined || losers.length === 0 || !isOurs) {
        if (this.#said.delete(key))
          emit({ kind: 'log', level: 'info', message: 'address is no longer contested', data: { key } });
        continue;
      }
      const lost = losers.map(claim => this.#place(claim));
      const data = {
        address: holder.endpoint.address,
        keeps: this.#place(holder),
        lost,
        cure: this.#cure(losers),
      };
      const who = claims.map(({ owner, endpoint }) => `${owner} ${endpoint.container}`).join();
      if (this.#said.get(key) === who) continue;
      this.#said.set(key, who);
      emit({ kind: 'log', level: 'warn', message: 'two containers claim one address', data });
    }
  }

  #place({ owner, endpoint }: Claim): string {
    return `${endpoint.containerName} on ${this.#host(owner)}`;
  }

  /** What to type, and where. */
  #cure(losers: readonly Claim[]): string {
    const isOwn = losers.some(({ owner }) => owner === this.#context.config.self);
    return `"mesh ipam repair" on ${isOwn ? 'this host' : this.#host(losers[0]!.owner)}`;
  }

  #host(peer: PeerId): string {
    const { config, topology } = this.#context;
    return peer === config.self ? config.nickname : (topology.host(peer)?.nickname ?? peer);
  }
}
