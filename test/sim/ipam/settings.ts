import { fromNumber } from '../../../src/core/address.ts';
import type { IpamConfig } from '../../../src/core/host/step.ts';
import { type Arrival, drawSettings, type Settings, streamOf, type Wishes } from '../settings.ts';

const UNIVERSE_START = 0x0a_20_00_00;

export interface AddressSettings extends Settings {
  /** Nothing is done that only an operator can do wrong: no address may ever be there twice. */
  readonly strict: boolean;
}

/** Kinds of faults that tell nothing of addresses here: who lost its memory is somebody else, clones halt. */
const LEFT_OUT = ['clone', 'churn', 'later', 'containers'];

/** As the other campaign draws them, with a universe so small that space runs out where it is needed. */
export function drawAddressSettings(seed: number, wishes: Wishes): AddressSettings {
  const random = streamOf(seed, 'ipam');
  const strict = random.fraction() < 0.8;
  const without = [...(wishes.without ?? []), ...LEFT_OUT, ...(strict ? ['rollback'] : [])];
  const settings = drawSettings(seed, { ...wishes, without });
  const prefix = random.pick([24, 25, 26, 27])!;
  const universe = { address: fromNumber(UNIVERSE_START), prefix };
  const isAgreed = random.fraction() < 0.5;
  const ipam = (targets: readonly string[], arrival: Arrival): IpamConfig => ({
    universe,
    defaultSubnet: universe,
    init: isAgreed
      ? { kind: 'consensus', electorate: settings.hosts, named: [] }
      : { kind: 'consensus', electorate: undefined, named: targets },
    timeoutMs: 10_000,
    quarantineMs: 60_000,
    ...(strict && mayHaveForgotten(arrival, isAgreed) ? { init: { kind: 'observer' } } : {}),
  });
  return { ...settings, ipam, strict };
}

/**
 * Whoever lost its disk may have voted before, and doesn't know: a majority of which some vote twice is none. Told of one
 * that holds addresses it can't go wrong where all count that were named.
 */
const mayHaveForgotten = (arrival: Arrival, isAgreed: boolean): boolean =>
  arrival === 'to-others' || (arrival === 'to-a-holder' && isAgreed);
