import { type Cidr, compare } from '../address.ts';
import type { Problem } from '../errors.ts';
import { taken } from './attachable.ts';
import type { Context } from './context.ts';
import type { Held } from './held.ts';

/** What was asked for and is not there now. */
export interface Dormant {
  readonly held: Readonly<Held>;
  readonly addresses: readonly Cidr[];
  readonly why: Problem | undefined;
}

/** An address of a container that runs here, which another container holds. */
export interface Lost {
  readonly network: string;
  readonly container: string;
  readonly containerName: string;
  readonly before: Cidr;
}

/** Those addresses of `held` that it holds in the eyes of all. */
export function standing({ config, endpoints }: Context, held: Readonly<Held>): readonly Cidr[] {
  return held.addresses.filter(({ address }) => {
    const holder = endpoints.holder(held.network, address);
    return holder?.owner === config.self && holder.endpoint.container === held.container;
  });
}

export function dormantIn(context: Context, all: readonly Readonly<Held>[]): readonly Dormant[] {
  return all.flatMap(held => {
    const addresses = held.addresses.filter(
      one => held.sandbox === undefined || !standing(context, held).includes(one),
    );
    if (addresses.length === 0) return [];
    return [{ held, addresses, why: held.problem ?? taken(context, held, addresses) }];
  });
}

/** Sorted by container and address. */
export function lostIn(context: Context, all: readonly Readonly<Held>[]): readonly Lost[] {
  const running = all.filter(({ sandbox }) => sandbox !== undefined);
  const lost = running.flatMap(held => {
    const { network, container, containerName } = held;
    const before = held.addresses.filter(cidr => taken(context, held, [cidr]) !== undefined);
    return before.map(cidr => ({ network, container, containerName, before: cidr }));
  });
  const key = ({ containerName, before }: Lost): string => `${containerName} ${before.address}`;
  return lost.sort((a, b) => compare(key(a), key(b)));
}
