import { compare } from '../../src/core/address.ts';
import { decodeEndpoint, ENDPOINTS } from '../../src/core/endpoints/endpoint.ts';
import type { Entry } from '../../src/core/replica.ts';
import type { Checks } from './checks.ts';
import { attachedOn } from './disk-facts.ts';
import type { LaterOwner } from './later-owner.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Simulation } from './simulation.ts';
import { Violation } from './watch.ts';

/** Routers that run and are meant to. */
export const livingIn = ({ machines }: Simulation): readonly SimulatedMachine[] =>
  machines.filter(({ host }) => host !== undefined);

/** Whether all that live hold the same, as far as one number can tell, and nobody waits for anything. */
export function isQuiet(simulation: Simulation): boolean {
  const living = livingIn(simulation);
  const peers = new Set(living.map(({ peer }) => peer));
  const [first] = living;
  if (first === undefined || peers.size < living.length) return false;
  const fingerprint = first.host!.facts.fingerprint();
  return living.every(
    ({ host, queued }) =>
      host!.state === 'ready' && queued === 0 && host!.facts.fingerprint() === fingerprint,
  );
}

/** What must hold in the end, when everything works again and all is quiet. */
export function judge(simulation: Simulation, checks: Checks, later: LaterOwner): void {
  const living = livingIn(simulation);
  const expected = linesOf(living[0]!);
  for (const machine of living) {
    const lines = linesOf(machine);
    const odd = lines.find((line, index) => line !== expected[index]) ?? expected[lines.length];
    if (odd !== undefined) fail(machine, `holds other facts than host ${living[0]!.index + 1}: ${odd}`);
    judgeOwn(machine);
    judgeKernel(machine, checks);
    judgeNames(simulation, machine, checks);
    judgeHeads(machine);
    judgeLater(simulation, machine, later);
  }
  judgeClones(simulation);
}

function fail(machine: SimulatedMachine, what: string): never {
  throw new Violation(`in the end, host ${machine.index + 1}: ${what}`);
}

const lineOf = ({ owner, seq, stamp, domain, key, value, extra }: Entry): string =>
  `${owner} ${domain}/${key} ${seq} ${stamp} ${Buffer.from(value!).toString('base64')} ${Buffer.from(extra).toString('base64')}`;

const linesOf = (machine: SimulatedMachine): readonly string[] =>
  [...machine.host!.facts.entries()].map(lineOf).sort(compare);

/** The own facts are what is attached to containers that run: no more, no less. */
function judgeOwn(machine: SimulatedMachine): void {
  const told = [...machine.host!.facts.ofOwner(machine.peer)]
    .filter(({ domain }) => domain === ENDPOINTS)
    .map(({ key, value }) => {
      const endpoint = decodeEndpoint(key, value!);
      return `${endpoint?.network}/${endpoint?.container} ${endpoint?.address}`;
    });
  const should = attachedOn(machine.disk.durable).flatMap(({ network, container, addresses }) =>
    machine.running.has(container) ? addresses.map(address => `${network}/${container} ${address}`) : [],
  );
  const [is, must] = [told.sort(compare).join(', '), should.sort(compare).join(', ')];
  if (is !== must) fail(machine, `told ${is}\nbut has attached ${must}`);
}

/** The kernel holds the containers whose addresses stand, and forwards as the facts say. */
function judgeKernel(machine: SimulatedMachine, checks: Checks): void {
  checks.applied(machine, machine.kernel);
  checks.compareStations(machine, machine.kernel);
  checks.compareAllHeads(machine);
  const shadow = checks.shadows.get(machine)!;
  const should: string[] = [];
  for (const { network, container, addresses } of attachedOn(machine.disk.durable)) {
    if (!machine.running.has(container)) continue;
    const standing = addresses.filter(
      address => shadow.holder(`${network}/${address}`)?.owner === machine.peer,
    );
    if (standing.length > 0) should.push(`${network}/${container} ${standing.sort(compare).join(' ')}`);
  }
  const is = [...machine.plumbed].map(([key, { addresses }]) => {
    const standing = addresses.map(({ address }) => address).sort(compare);
    return `${key} ${standing.join(' ')}`;
  });
  const [has, must] = [is.sort(compare).join(', '), should.sort(compare).join(', ')];
  if (has !== must) fail(machine, `the kernel has ${has}\nbut should have ${must}`);
}

/** A name has the addresses that stand under it; of a machine that is gone for good, it may have them still. */
function judgeNames(simulation: Simulation, machine: SimulatedMachine, checks: Checks): void {
  const living = new Set(livingIn(simulation).map(({ peer }) => peer));
  const shadow = checks.shadows.get(machine)!;
  const [must, may] = [new Set<string>(), new Set<string>()];
  for (const key of shadow.claims.keys()) {
    const { owner, endpoint } = shadow.holder(key)!;
    const { address, names, network } = endpoint;
    for (const name of names) (living.has(owner) ? must : may).add(`${network}/${name} ${address}`);
  }
  const told = [...machine.zone].flatMap(([name, addresses]) =>
    addresses.map(address => `${name} ${address}`),
  );
  const missing = [...must].find(line => !told.includes(line));
  const excess = told.find(line => !must.has(line) && !may.has(line));
  if (missing !== undefined) fail(machine, `does not answer ${missing}`);
  if (excess !== undefined) fail(machine, `answers ${excess}, which is no more`);
}

/** Nothing waits for a gap to be filled. */
function judgeHeads(machine: SimulatedMachine): void {
  for (const { owner, through, upto, stage } of machine.host!.facts.digest()) {
    if (through !== upto || stage !== undefined) fail(machine, `waits for facts of ${owner} after ${upto}`);
  }
}

function judgeLater(simulation: Simulation, machine: SimulatedMachine, { head, peer }: LaterOwner): void {
  if (head.upto === 0) return;
  const held = machine.host!.facts.head(peer);
  if (held?.upto !== head.upto)
    fail(machine, `has facts of a later version up to ${held?.upto}, not ${head.upto}`);
  simulation.saw('later fact kept');
}

/** Of two machines with one identity, exactly one goes on. */
function judgeClones({ machines }: Simulation): void {
  for (const machine of machines) {
    const twins = machines.filter(({ peer }) => peer === machine.peer);
    const living = twins.filter(({ host }) => host !== undefined).length;
    if (living !== 1) fail(machine, `${living} of ${twins.length} routers with its identity live`);
  }
}
