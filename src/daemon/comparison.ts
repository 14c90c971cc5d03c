import type { Ipv4 } from '../core/address.ts';
import { endpointOf } from '../core/endpoints/attachment.ts';
import type { Result } from '../core/errors.ts';
import type { Allocation } from '../core/host/allocation.ts';
import { type EndpointCommand, isReserved, reservedName } from '../core/host/handed.ts';
import type { Reply } from '../core/host/step.ts';
import type { EngineEndpoints } from '../ports/engine-endpoints.ts';
import type { Log } from '../ports/log.ts';

export interface ComparisonParts {
  readonly engine: Pick<EngineEndpoints, 'list'>;
  readonly log: Log;
  ask(command: EndpointCommand): Promise<Result<Reply>>;
  /** What this host has given out. */
  allocations(): readonly Allocation[];
}

const keyOf = (owner: string, address: Ipv4): string => `${owner} ${address}`;

/**
 * Finds what an engine has forgotten to give back: it could not tell a router that was down, or died between two calls. What is
 * on its way is missed once: only what is missed twice has gone, and what an endpoint has that the engine would not tell of.
 */
export class Comparison {
  readonly #parts: ComparisonParts;
  #missed: ReadonlySet<string>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: ComparisonParts) {
    this.#parts = parts;
    // What an earlier router gave out is not on its way any more.
    this.#missed = new Set(
      parts
        .allocations()
        .flatMap(({ cidr: { address }, owner }) => [
          keyOf(owner, address),
          keyOf(reservedName(address), address),
        ]),
    );
  }

  /** Whatever has `sure` and is missing, has gone. One after the other: each takes what the one before has found. */
  compare(sure?: Ipv4): Promise<void> {
    const next = this.#turn.then(() => this.#compare(sure));
    this.#turn = next.catch(error =>
      this.#parts.log.error('the engine could not be compared with', { error: String(error) }),
    );
    return next;
  }

  async idle(): Promise<void> {
    await this.#turn;
  }

  async #compare(sure: Ipv4 | undefined): Promise<void> {
    const before = this.#ours();
    if (before.size === 0) return;
    const found = await this.#parts.engine.list();
    if (!found.ok) return;
    const ids = new Set(found.value.map(({ id }) => id));
    const addresses = new Set(found.value.map(({ address }) => address));
    const isGone = ({ cidr, owner }: Allocation): boolean => {
      const endpoint = endpointOf({ container: owner });
      return endpoint === undefined ? !addresses.has(cidr.address) : !ids.has(endpoint);
    };
    const gone = new Map([...before].filter(([, allocation]) => isGone(allocation)));
    const now = this.#ours();
    for (const [key, { cidr, owner }] of gone) {
      if (!now.has(key) || !(cidr.address === sure || this.#missed.has(key))) continue;
      await this.#forget(owner, cidr.address);
      gone.delete(key);
    }
    this.#missed = new Set(gone.keys());
  }

  /** Every allocation that an engine has to answer for. */
  #ours(): ReadonlyMap<string, Allocation> {
    const isEngines = ({ owner }: Allocation): boolean =>
      isReserved(owner) || endpointOf({ container: owner }) !== undefined;
    const ours = this.#parts.allocations().filter(isEngines);
    return new Map(ours.map(one => [keyOf(one.owner, one.cidr.address), one]));
  }

  async #forget(owner: string, address: Ipv4): Promise<void> {
    const { ask, log } = this.#parts;
    log.info('the engine knows no more of what had an address', { owner, address });
    const endpoint = endpointOf({ container: owner });
    if (endpoint !== undefined) await ask({ kind: 'delete-endpoint', endpoint });
    await ask({ kind: 'return-address', address });
  }
}
