import type { Report } from '../report.ts';
import type { Addressing } from './addressing.ts';
import type { Context } from './context.ts';
import type { Departure } from './departure.ts';
import type { Expulsion } from './expulsion.ts';

/** A bound on how often own facts about addresses follow from one another in one step. */
const ROUNDS = 8;

/** Looks after this host's part of the address space whenever somebody's word on that, or on who is there, has changed. */
export class Stewardship {
  readonly #context: Context;
  readonly #addressing: Addressing | undefined;
  readonly #departure: Departure;
  readonly #expulsion: Expulsion;
  /** Issues all own facts anew, as if they were said for the first time. */
  readonly #beginAgain: (above: number) => void;
  #changed = false;

  constructor(
    context: Context,
    addressing: Addressing | undefined,
    departure: Departure,
    expulsion: Expulsion,
    beginAgain: (above: number) => void,
  ) {
    this.#context = context;
    this.#addressing = addressing;
    this.#departure = departure;
    this.#expulsion = expulsion;
    this.#beginAgain = beginAgain;
  }

  changed(): void {
    this.#changed = true;
  }

  /** Each of the own facts that follow may allow the next. */
  review(state: Report['state']): void {
    for (let round = 0; this.#changed && round < ROUNDS; round += 1) {
      this.#changed = false;
      if (state === 'leaving') this.#departure.review();
      if (state !== 'ready') continue;
      if (this.#expulsion.review()) this.#giveUp();
      this.#addressing?.review();
    }
  }

  /** This host was removed: it gives up its space, and says anew, as a latecomer, what it still stands for. */
  #giveUp(): void {
    const { config, emit, replica, removals } = this.#context;
    const heir = this.#expulsion.heirOf(config.self);
    if (heir !== undefined) this.#addressing?.custodian.bequeath(heir);
    this.#beginAgain(Math.max(replica.ownSeq(), removals.limit(config.self) ?? 0));
    const message = 'this host was removed from the mesh; its containers claim their addresses anew';
    emit({ kind: 'log', level: 'warn', message, data: { heir } });
  }
}
