import { compare, type Ipv4 } from '../address.ts';
import type { Context } from './context.ts';
import type { Held } from './held.ts';

/** An address of a container here that is on several networks: what it is told of names is what is heard on all of them. */
export interface Membership {
  readonly address: Ipv4;
  /** Sorted. */
  readonly networks: readonly string[];
}

/** Tells them whenever they are others. */
export class Memberships {
  readonly #context: Pick<Context, 'emit'>;
  #told = '[]';

  constructor(context: Pick<Context, 'emit'>) {
    this.#context = context;
  }

  review(all: Iterable<Readonly<Held>>): void {
    const memberships = membershipsIn(all);
    const text = JSON.stringify(memberships);
    if (text === this.#told) return;
    this.#told = text;
    this.#context.emit({ kind: 'memberships', memberships });
  }
}

/** Sorted by address. What has one network namespace is one container, whoever brought it there. */
function membershipsIn(all: Iterable<Readonly<Held>>): readonly Membership[] {
  const byPlace = new Map<string, Readonly<Held>[]>();
  for (const held of all) {
    const place = placeOf(held);
    if (place === undefined) continue;
    const others = byPlace.get(place);
    if (others === undefined) byPlace.set(place, [held]);
    else others.push(held);
  }
  const memberships: Membership[] = [];
  for (const together of byPlace.values()) {
    const networks = [...new Set(together.map(({ network }) => network))].sort(compare);
    if (networks.length < 2) continue;
    for (const { addresses } of together)
      for (const { address } of addresses) memberships.push({ address, networks });
  }
  return memberships.sort((a, b) => compare(a.address, b.address));
}

/** The last part of a sandbox's path: engines and their users call the folder differently. None of what waits for its engine. */
export function placeOf({ joined, sandbox }: Pick<Held, 'joined' | 'sandbox'>): string | undefined {
  const path = joined ?? sandbox;
  return path?.includes('/') ? path.split('/').at(-1) : undefined;
}
