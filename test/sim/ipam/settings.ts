import { fromNumber, macFromBytes, type PeerId } from '../../../src/core/address.ts';
import type { IpamConfig } from '../../../src/core/host/step.ts';
import { fakeCrypto } from '../fake-crypto.ts';
import { drawSettings, type Launch, peerOf, type Settings, streamOf, type Wishes } from '../settings.ts';

const UNIVERSE_START = 0x0a_20_00_00;
export const QUARANTINE_MS = 60_000;

export interface AddressSettings extends Settings {
  /** Nothing is done that only an operator can do wrong: no address may ever be there twice. */
  readonly strict: boolean;
  /** Every second machine is launched with other seeds than the rest, and meets those only later. */
  readonly divided: boolean;
}

/** Kinds of faults that tell nothing of addresses here: who lost its memory is somebody else, clones halt. */
const LEFT_OUT = ['clone', 'churn', 'later', 'containers'];
/** Where there are two rings, all that were told to be seeds take their shares, and go on holding them. */
const NOT_IN_TWO_RINGS = ['wipe', 'leave', 'rollback'];

/** As the other campaign draws them, with a universe so small that space runs out where it is needed. */
export function drawAddressSettings(seed: number, wishes: Wishes): AddressSettings {
  const random = streamOf(seed, 'ipam');
  const isCareful = random.fraction() < 0.8;
  const prefix = random.pick([24, 25, 26, 27])!;
  const isAgreed = random.fraction() < 0.5;
  const divided = random.fraction() < 0.06;
  const strict = isCareful || divided;
  const without = [
    ...(wishes.without ?? []),
    ...LEFT_OUT,
    ...(strict ? ['rollback'] : []),
    ...(divided ? NOT_IN_TWO_RINGS : []),
  ];
  const settings = drawSettings(seed, { ...wishes, without });
  const universe = { address: fromNumber(UNIVERSE_START), prefix };
  const initOf = ({ index, targets, arrival }: Launch): IpamConfig['init'] => {
    if (divided) return { kind: 'seed', names: seedsLike(index, settings.hosts) };
    if (strict && mayHaveForgotten(arrival, isAgreed)) return { kind: 'observer' };
    return isAgreed
      ? { kind: 'consensus', electorate: settings.hosts, named: [] }
      : { kind: 'consensus', electorate: undefined, named: targets };
  };
  const ipam = (launch: Launch): IpamConfig => ({
    universe,
    defaultSubnet: universe,
    init: initOf(launch),
    timeoutMs: 10_000,
    quarantineMs: QUARANTINE_MS,
  });
  return { ...settings, ipam, strict, divided };
}

/**
 * Whoever lost its disk may have voted before, and doesn't know: a majority of which some vote twice is none. Told of one
 * that holds addresses it can't go wrong where all count that were named.
 */
const mayHaveForgotten = (arrival: Launch['arrival'], isAgreed: boolean): boolean =>
  arrival === 'to-others' || (arrival === 'to-a-holder' && isAgreed);

export const isTogether = (index: number, other: number): boolean => index % 2 === other % 2;

/** What the core calls a peer to which nobody gave a name. */
export const nameOf = (peer: PeerId) => macFromBytes(fakeCrypto(peer).hash(new TextEncoder().encode(peer)));

function seedsLike(index: number, hosts: number) {
  const all = Array.from({ length: hosts }, (_, other) => other);
  return all.filter(other => isTogether(index, other)).map(other => nameOf(peerOf(other)));
}
