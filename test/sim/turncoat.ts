import type { Millis } from '../../src/core/host/step.ts';
import { IPAM } from '../../src/core/ipam/custody.ts';
import { decodeVote, majorityOf, VOTE_KEY, type Vote } from '../../src/core/ipam/vote.ts';
import type { SimulatedMachine } from './machine.ts';
import type { Simulation } from './simulation.ts';

/** So often the first ballot of a run meets this fate. */
const SHARE = 0.7;
/** Its acceptance has reached the others by then, unless it was lost. */
const TOLD_MS = 200;
const ABSENCE_MS = 100;
/** Long enough for another ballot. */
const APART_MS: Millis = 60_000;

type Pair = readonly [from: SimulatedMachine, to: SimulatedMachine];

/**
 * The worst moment of the first division: a bare majority has accepted a ballot, and one of these has said so and does not
 * know yet that it was the last; it crashes, and comes back among those who have heard nothing. All that keeps them from
 * another division is what it wrote down before it spoke.
 */
export class Turncoat {
  readonly #simulation: Simulation;
  readonly #kill: (machine: SimulatedMachine, absence: Millis) => void;
  #plot: { readonly traitor: SimulatedMachine; readonly majority: readonly SimulatedMachine[] } | undefined;
  #isOver = false;
  #cuts: Pair[] = [];

  constructor(simulation: Simulation, kill: (machine: SimulatedMachine, absence: Millis) => void) {
    this.#simulation = simulation;
    this.#kill = kill;
  }

  /** `machine` writes a vote, which is durable after `delay`; gives whether this is the one that betrays. */
  voting(machine: SimulatedMachine, delay: Millis): boolean {
    const ballot = voteOf(machine)?.accepted?.ballot;
    if (ballot === undefined || this.#isOver) return false;
    if (this.#plot === undefined) {
      if (ballot.peer === machine.peer) this.#begin(machine);
      return false;
    }
    if (this.#plot.traitor !== machine || this.#plot.majority[0]!.peer !== ballot.peer) return false;
    this.#betray(machine, delay);
    return true;
  }

  /** Everything works again. */
  stop(): void {
    this.#isOver = true;
    this.#cuts = [];
  }

  #begin(proposer: SimulatedMachine): void {
    const { machines, random } = this.#simulation;
    const others = machines.filter(other => other !== proposer);
    const size = majorityOf(voteOf(proposer)?.electorate ?? 1);
    // Two majorities of an odd number may have one in common; of three, whoever follows knows that it is agreed.
    if (size < 3 || 2 * size !== machines.length + 1) return;
    const near = others.filter(({ host, peer }) => host !== undefined && proposer.links.has(peer));
    if (near.length < size - 1) return;
    this.#isOver = random.votes.fraction() >= SHARE;
    if (this.#isOver) return;
    while (near.length > size - 1) near.splice(Math.floor(random.votes.fraction() * near.length), 1);
    const [traitor, ...rest] = near as [SimulatedMachine, ...SimulatedMachine[]];
    const majority = [proposer, traitor, ...rest];
    this.#plot = { traitor, majority };
    const minority = machines.filter(other => !majority.includes(other));
    for (const one of majority) for (const other of minority) this.#cut([one, other], [other, one]);
    for (const one of rest) this.#cut([one, traitor]);
    this.#simulation.after(APART_MS, () => this.#mend(() => true));
  }

  #betray(traitor: SimulatedMachine, delay: Millis): void {
    const [proposer, , ...rest] = this.#plot!.majority;
    this.#cut([proposer!, traitor]);
    this.#simulation.after(delay + TOLD_MS, () => {
      if (this.#isOver) return;
      this.#isOver = true;
      for (const one of [proposer!, ...rest]) this.#cut([traitor, one]);
      this.#mend(pair => pair.includes(traitor) && !pair.some(one => one === proposer || rest.includes(one)));
      if (traitor.host === undefined) return;
      this.#simulation.saw('crashed between two majorities');
      this.#kill(traitor, ABSENCE_MS);
    });
  }

  #cut(...pairs: Pair[]): void {
    for (const [from, to] of pairs) this.#simulation.network.cut(from, to);
    this.#cuts.push(...pairs);
  }

  #mend(isMeant: (pair: Pair) => boolean): void {
    for (const [from, to] of this.#cuts.filter(isMeant)) this.#simulation.network.mend(from, to);
    this.#cuts = this.#cuts.filter(pair => !isMeant(pair));
  }
}

function voteOf({ host, peer }: SimulatedMachine): Vote | undefined {
  const value = host?.facts.get(peer, IPAM, VOTE_KEY)?.value;
  return value && decodeVote(value);
}
