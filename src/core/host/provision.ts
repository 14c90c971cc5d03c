import type { Cidr } from '../address.ts';
import type { Result } from '../errors.ts';
import type { Addressing } from './addressing.ts';

/**
 * Gets a container what it asks for, one after the other: the addresses named, and one of each subnet. Those outside of
 * what the mesh gives out are nobody's to give. Of a request that fails, nothing stays with the owner.
 */
export function provide(
  addressing: Addressing,
  owner: string,
  addresses: readonly Cidr[],
  subnets: readonly Cidr[],
  done: (result: Result<readonly Cidr[]>) => void,
): void {
  const found: Cidr[] = [];
  const steps = [
    ...addresses.map(
      cidr => (next: (result: Result<Cidr>) => void) =>
        addressing.manages(cidr.address)
          ? addressing.claim(owner, cidr, next)
          : next({ ok: true, value: cidr }),
    ),
    ...subnets.map(
      subnet => (next: (result: Result<Cidr>) => void) => addressing.allocate(owner, subnet, next),
    ),
  ];
  const go = (index: number): void => {
    const step = steps[index];
    if (step === undefined) return done({ ok: true, value: found });
    step(result => {
      if (!result.ok) {
        addressing.release(owner, false);
        return done(result);
      }
      found.push(result.value);
      go(index + 1);
    });
  };
  go(0);
}
