import { type Cidr, compare, formatCidr, type Mac, type PeerId } from '../address.ts';
import { isObject, isWithin, toBytes, toObject } from '../json.ts';
import { type Division, decodeDivision, decodePeer, divisionKey } from './custody.ts';

/**
 * The first division of the universe is agreed on once (single-decree Paxos), by a majority of so many peers or by all that
 * are named. A peer's promise and acceptance are a fact of its own: durable before anybody hears of it, so that a
 * restart forgets none.
 */

/** One entry a peer under this key. */
export const VOTE_KEY = 'vote';

/** Who proposes, for the how many-th time; the higher round wins, then the higher peer. */
export interface Ballot {
  readonly round: number;
  readonly peer: PeerId;
}

export interface Vote {
  readonly universe: Cidr;
  /** How many peers there are to be, if this one was told so; else all agree that are named, and that those name. */
  readonly electorate: number | undefined;
  /** Those that this one was told of and has met; and how many of them it has not met yet. */
  readonly named: readonly PeerId[];
  readonly unmet: number;
  /** It accepts nothing below this any more. */
  readonly promised: Ballot;
  readonly accepted: { readonly ballot: Ballot; readonly division: Division } | undefined;
}

const ELECTORATE_MAX = 10_000;
const NAMED_MAX = 32;
const ROUND_MAX = 2 ** 32;

export const compareBallots = (a: Ballot, b: Ballot): number => a.round - b.round || compare(a.peer, b.peer);
export const isSameBallot = (a: Ballot, b: Ballot): boolean => compareBallots(a, b) === 0;
export const majorityOf = (electorate: number): number => Math.floor(electorate / 2) + 1;

export function encodeVote({ universe, electorate, named, unmet, promised, accepted }: Vote): Uint8Array {
  const chosen = accepted && { ballot: accepted.ballot, seeds: accepted.division.seeds };
  return toBytes({
    universe: formatCidr(universe),
    electorate,
    named: named.slice(0, NAMED_MAX),
    unmet,
    promised,
    accepted: chosen,
  });
}

export function decodeVote(bytes: Uint8Array): Vote | undefined {
  const value = toObject(bytes);
  const { electorate, named, unmet, accepted } = value ?? {};
  const universe = value && decodeDivision({ ...value, seeds: [] })?.universe;
  const promised = decodeBallot(value?.['promised']);
  if (value === undefined || universe === undefined || promised === undefined) return undefined;
  if (electorate !== undefined && !isWithin(electorate, 1, ELECTORATE_MAX)) return undefined;
  if (!Array.isArray(named) || named.length > NAMED_MAX || !isWithin(unmet, 0, ELECTORATE_MAX))
    return undefined;
  if (!named.every(peer => decodePeer(peer) !== undefined)) return undefined;
  if (accepted === undefined) return { universe, electorate, named, unmet, promised, accepted };
  if (!isObject(accepted)) return undefined;
  const ballot = decodeBallot(accepted['ballot']);
  const division = decodeDivision({ universe: value['universe'], seeds: accepted['seeds'] });
  if (ballot === undefined || division === undefined || division.seeds.length === 0) return undefined;
  return { universe, electorate, named, unmet, promised, accepted: { ballot, division } };
}

function decodeBallot(value: unknown): Ballot | undefined {
  if (!isObject(value)) return undefined;
  const { round } = value;
  const peer = decodePeer(value['peer']);
  return peer !== undefined && isWithin(round, 1, ROUND_MAX) ? { round, peer } : undefined;
}

/** A ballot of `self` above all that were seen: the first move of an election. */
export function standing(self: PeerId, votes: ReadonlyMap<PeerId, Vote>): Ballot {
  const rounds = [...votes.values()].map(({ promised }) => promised.round);
  return { round: Math.max(0, ...rounds) + 1, peer: self };
}

/** Whether `peers` suffice for a ballot of `proposer`. */
export type IsQuorum = (peers: ReadonlySet<PeerId>, proposer: PeerId) => boolean;

/** The division that enough have accepted in one ballot. */
export function elected(votes: ReadonlyMap<PeerId, Vote>, isQuorum: IsQuorum): Division | undefined {
  const ballots = new Map<
    string,
    { readonly ballot: Ballot; readonly division: Division; readonly by: Set<PeerId> }
  >();
  for (const [peer, { accepted }] of votes) {
    if (accepted === undefined) continue;
    const { ballot, division } = accepted;
    const key = `${ballot.round} ${ballot.peer} ${divisionKey(division)}`;
    const found = ballots.get(key) ?? { ballot, division, by: new Set<PeerId>() };
    found.by.add(peer);
    ballots.set(key, found);
  }
  return [...ballots.values()].find(({ ballot, by }) => isQuorum(by, ballot.peer))?.division;
}

/**
 * What `own` becomes in the light of the others' votes, or undefined where it stays. `candidate` is what is proposed
 * where nothing has been accepted by anybody who promised.
 */
export function nextVote(
  self: PeerId,
  own: Vote,
  votes: ReadonlyMap<PeerId, Vote>,
  isQuorum: IsQuorum,
  candidate: () => readonly Mac[],
): Vote | undefined {
  const proposal = highest(votes, vote => vote.accepted?.ballot);
  if (
    proposal?.accepted !== undefined &&
    compareBallots(proposal.accepted.ballot, own.promised) >= 0 &&
    (own.accepted === undefined || compareBallots(proposal.accepted.ballot, own.accepted.ballot) > 0)
  ) {
    return { ...own, promised: proposal.accepted.ballot, accepted: proposal.accepted };
  }
  const top = highest(votes, vote => vote.promised)?.promised;
  if (top !== undefined && compareBallots(top, own.promised) > 0) return { ...own, promised: top };
  const isMine = own.promised.peer === self;
  const isOpen = own.accepted === undefined || !isSameBallot(own.accepted.ballot, own.promised);
  if (!isMine || !isOpen) return undefined;
  const promisers = new Map([...votes].filter(([, vote]) => isSameBallot(vote.promised, own.promised)));
  promisers.set(self, own);
  if (!isQuorum(new Set(promisers.keys()), self)) return undefined;
  const earlier = highest(promisers, vote => vote.accepted?.ballot)?.accepted?.division;
  const division = earlier ?? { universe: own.universe, seeds: candidate() };
  return { ...own, accepted: { ballot: own.promised, division } };
}

function highest(
  votes: ReadonlyMap<PeerId, Vote>,
  ballotOf: (vote: Vote) => Ballot | undefined,
): Vote | undefined {
  let best: Vote | undefined;
  let top: Ballot | undefined;
  for (const vote of votes.values()) {
    const ballot = ballotOf(vote);
    if (ballot === undefined || (top !== undefined && compareBallots(ballot, top) <= 0)) continue;
    best = vote;
    top = ballot;
  }
  return best;
}
