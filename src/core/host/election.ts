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

/** Agrees with others on the first division of the universe. */
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
    const votes = this.#votes();
    return elected(votes, (peers, proposer) => this.#isQuorum(votes, peers, proposer));
  }

  /** Does what this host has to do for an agreement; gives it once there is one. `needed`: it starts an election itself. */
  review(needed: boolean): Division | undefined {
    const { config } = this.#context;
    const { init } = this.#config;
    const result = this.result();
    if (result !== undefined || init.kind !== 'consensus') return result;
    const votes = this.#votes();
    const own = votes.get(config.self);
    const isAlone = !this.#config.lazy && (init.electorate ?? init.named.length + 1) === 1;
    if (own === undefined) {
      const top = [...votes.values()]
        .map(({ promised }) => promised)
        .sort(compareBallots)
        .at(-1);
      if (top !== undefined) this.#vote(this.#blank(top));
      else if (needed || isAlone) this.#stand(votes);
    } else if (own.unmet > 0 && own.unmet !== this.#met().unmet) {
      this.#vote({ ...own, ...this.#met() });
    } else {
      const isQuorum = (peers: ReadonlySet<PeerId>, proposer: PeerId): boolean =>
        this.#isQuorum(votes, peers, proposer);
      const next = nextVote(config.self, own, votes, isQuorum, () => this.#candidates(votes));
      if (next !== undefined) this.#vote(next);
      else if (needed && this.#isDue()) this.#stand(votes);
    }
    return this.result();
  }

  /** What the first division waits for, for a person. */
  describe(): string {
    const { init } = this.#config;
    if (init.kind !== 'consensus')
      return 'this host takes no part in the first division, and nobody else has made it';
    const votes = this.#votes();
    if (init.electorate !== undefined)
      return `the first division needs ${majorityOf(init.electorate)} of ${init.electorate} peers, and ${votes.size} have voted`;
    const missing = init.named.filter(
      address => !votes.has(this.#context.topology.at(address) ?? ('' as PeerId)),
    );
    return missing.length === 0
      ? 'the peers are about to agree on the first division'
      : `the first division waits for ${missing.join(', ')}, named at launch`;
  }

  /** Those that spoke of the same universe. */
  #votes(): ReadonlyMap<PeerId, Vote> {
    const universe = formatCidr(this.#config.universe);
    return new Map(
      [...this.#context.ring.votes()].filter(([, vote]) => formatCidr(vote.universe) === universe),
    );
  }

  #isQuorum(votes: ReadonlyMap<PeerId, Vote>, peers: ReadonlySet<PeerId>, proposer: PeerId): boolean {
    // The largest number that anybody was told: a smaller one could agree on something else.
    const numbers = [...votes.values()].flatMap(({ electorate }) => electorate ?? []);
    if (votes.get(proposer)?.electorate !== undefined) return peers.size >= majorityOf(Math.max(...numbers));
    const all = this.#namedFrom(votes, proposer);
    return all !== undefined && [...all].every(peer => peers.has(peer));
  }

  /** All that `proposer` was told of, and that those were told of; undefined while one of them has not voted. */
  #namedFrom(votes: ReadonlyMap<PeerId, Vote>, proposer: PeerId): ReadonlySet<PeerId> | undefined {
    const all = new Set([proposer]);
    for (const peer of all) {
      const vote = votes.get(peer);
      if (vote === undefined || vote.unmet > 0) return undefined;
      for (const other of vote.named) all.add(other);
    }
    return all;
  }

  #stand(votes: ReadonlyMap<PeerId, Vote>): void {
    const { config, now, random } = this.#context;
    const accepted = votes.get(config.self)?.accepted;
    this.#stoodAt = now() + AGAIN_MS * random.fraction();
    this.#vote({ ...this.#blank(standing(config.self, votes)), accepted });
  }

  #blank(promised: Ballot): Vote {
    const { init, universe } = this.#config;
    const electorate = init.kind === 'consensus' ? init.electorate : undefined;
    return { universe, electorate, ...this.#met(), promised, accepted: undefined };
  }

  /**
   * Of those that this host was told of: who they are, and how many it has not met. One that was met stays among them,
   * also where another is at its address by now: it may have taken part in a division that nobody else here knows of.
   */
  #met(): Pick<Vote, 'named' | 'unmet'> {
    const { init } = this.#config;
    const { config, peerAt, ring } = this.#context;
    const addresses = init.kind === 'consensus' ? init.named : [];
    const found = addresses.flatMap(address => peerAt(address) ?? []);
    const before = ring.votes().get(config.self)?.named ?? [];
    const named = [...new Set([...before, ...found])].filter(peer => peer !== config.self).sort(compare);
    return { named, unmet: addresses.length - found.length };
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
