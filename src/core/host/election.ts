import { compare, formatCidr, type Mac, type PeerId } from '../address.ts';
import { type Division, IPAM } from '../ipam/custody.ts';
import {
  type Ballot,
  compareBallots,
  elected,
  encodeVote,
  majorityOf,
  nextVote,
  standing,
  VOTE_KEY,
  type Vote,
} from '../ipam/vote.ts';
import type { Context } from './context.ts';
import type { IpamConfig, Millis } from './step.ts';

/** Nothing came of a ballot for so long: it is tried again, in a higher round, at another time than the others do. */
const AGAIN_MS = 1_000;

/** Agrees with a majority on the first division of the universe. */
export class Election {
  readonly #context: Context;
  readonly #config: IpamConfig;
  readonly #name: Mac;
  #stoodAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(context: Context, config: IpamConfig, name: Mac) {
    this.#context = context;
    this.#config = config;
    this.#name = name;
  }

  /** What was agreed on. */
  result(): Division | undefined {
    return elected(this.#votes(), this.#electorate());
  }

  /** Does what this host has to do for an agreement; gives it once there is one. `needed`: it starts an election itself. */
  review(needed: boolean): Division | undefined {
    const { config } = this.#context;
    const votes = this.#votes();
    const result = elected(votes, this.#electorate());
    if (result !== undefined || this.#config.init.kind === 'observer') return result;
    const own = votes.get(config.self);
    if (own === undefined) {
      const top = [...votes.values()]
        .map(({ promised }) => promised)
        .sort(compareBallots)
        .at(-1);
      if (top !== undefined) this.#vote(this.#blank(top));
      else if (needed || this.#electorate() === 1) this.#stand(votes);
    } else {
      const next = nextVote(config.self, own, votes, () => this.#candidates(votes));
      if (next !== undefined) this.#vote(next);
      else if (needed && this.#isDue()) this.#stand(votes);
    }
    return elected(this.#votes(), this.#electorate());
  }

  describe(): string {
    const needed = majorityOf(this.#electorate());
    const votes = this.#votes().size;
    return `the first division needs ${needed} of ${this.#electorate()} peers, and ${votes} have voted`;
  }

  /** Those that spoke of the same universe. */
  #votes(): ReadonlyMap<PeerId, Vote> {
    const universe = formatCidr(this.#config.universe);
    return new Map(
      [...this.#context.ring.votes()].filter(([, vote]) => formatCidr(vote.universe) === universe),
    );
  }

  /** The largest that anybody was told of: a smaller one could agree on something else. */
  #electorate(): number {
    const { init } = this.#config;
    const told = init.kind === 'consensus' ? init.electorate : 1;
    return Math.max(told, ...[...this.#votes().values()].map(({ electorate }) => electorate));
  }

  #stand(votes: ReadonlyMap<PeerId, Vote>): void {
    const { config, now, random } = this.#context;
    const accepted = votes.get(config.self)?.accepted;
    this.#stoodAt = now() + AGAIN_MS * random.fraction();
    this.#vote({ ...this.#blank(standing(config.self, votes)), accepted });
  }

  #blank(promised: Ballot): Vote {
    return {
      universe: this.#config.universe,
      electorate: this.#electorate(),
      promised,
      accepted: undefined,
    };
  }

  #isDue(): boolean {
    return this.#context.now() - this.#stoodAt >= AGAIN_MS;
  }

  #vote(vote: Vote): void {
    this.#context.write([{ domain: IPAM, key: VOTE_KEY, value: encodeVote(vote) }]);
  }

  /** Names of those that take part: each gets a share. */
  #candidates(votes: ReadonlyMap<PeerId, Vote>): readonly Mac[] {
    const { config, topology } = this.#context;
    const names = [...votes.keys()].flatMap(peer =>
      peer === config.self ? [] : (topology.host(peer)?.name ?? []),
    );
    return [this.#name, ...names].sort(compare);
  }
}
