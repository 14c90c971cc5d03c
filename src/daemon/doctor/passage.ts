import { isObject } from '../../core/json.ts';
import { extensionMatches } from './extensions.ts';
import { allOf, type Elements, isElement, matches, type Packet, type Truth } from './matching.ts';
import type { Chain, Rule, Ruleset, Statement } from './ruleset.ts';

/** Where a packet's way ends: at a rule, or with the policy of a base chain (no rule). */
export interface End {
  readonly chain: Chain;
  readonly rule: Rule | undefined;
}

/** Where the packet may end in one base chain. Without `accepts` it is dropped for sure, by the last of `drops`. */
export interface Passage {
  readonly accepts: readonly End[];
  readonly drops: readonly End[];
}

/** Follows a packet through a base chain and those that it jumps to. */
export function passageOf(ruleset: Ruleset, base: Chain, packet: Packet): Passage {
  const walk = new Walk(ruleset, packet);
  if (walk.chain(base, []).falls) {
    (base.policy === 'drop' ? walk.drops : walk.accepts).push({ chain: base, rule: undefined });
  }
  return walk;
}

/** Whether the packet may come out at the end of a chain, or leave its rules by `return`. */
interface Outcome {
  readonly falls: boolean;
}

/** What a rule does with a packet that it matches. */
type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly target: string };

class Walk implements Passage {
  readonly accepts: End[] = [];
  readonly drops: End[] = [];
  readonly #ruleset: Ruleset;
  readonly #packet: Packet;

  constructor(ruleset: Ruleset, packet: Packet) {
    this.#ruleset = ruleset;
    this.#packet = packet;
  }

  chain(chain: Chain, way: readonly Chain[]): Outcome {
    let falls = false;
    for (const rule of chain.rules) {
      for (const [truth, verdict] of this.#verdicts(chain, rule)) {
        if (truth === 'no') continue;
        const stays = this.#follow(chain, rule, verdict, way);
        if (stays === 'left') falls = true;
        if (truth === 'yes' && stays !== 'on') return { falls };
      }
    }
    return { falls: true };
  }

  /** `on`: the next rule is looked at. `left`: the chain's end is reached. `ended`: the packet's way ends. */
  #follow(chain: Chain, rule: Rule, verdict: Verdict, way: readonly Chain[]): 'on' | 'left' | 'ended' {
    if (!('target' in verdict)) {
      if (verdict.kind === 'return') return 'left';
      (verdict.kind === 'accept' ? this.accepts : this.drops).push({ chain, rule });
      return 'ended';
    }
    const target = this.#ruleset.chain(chain.family, chain.table, verdict.target);
    // The kernel allows no loops.
    if (target === undefined || way.includes(target)) return 'on';
    const { falls } = this.chain(target, [...way, chain]);
    if (!falls) return 'ended';
    return verdict.kind === 'jump' ? 'on' : 'left';
  }

  /** All verdicts that a rule may come to, in their order. */
  #verdicts(chain: Chain, { statements, text }: Rule): readonly (readonly [Truth, Verdict])[] {
    const { family, table } = chain;
    const elements: Elements = name => this.#ruleset.elements(family, table, name);
    const truths: Truth[] = [];
    const found: (readonly [Truth, Verdict])[] = [];
    for (const statement of statements) {
      const [[kind, body] = ['', undefined]] = Object.entries(statement);
      if (kind === 'match' && isObject(body)) truths.push(matches(body, this.#packet, elements));
      else if (CONDITIONS.has(kind)) truths.push('maybe');
      else if (kind === 'xt' && isObject(body)) truths.push(...this.#extension(body, text));
      const verdicts = kind === 'vmap' && isObject(body) ? this.#mapped(body, elements) : direct(statement);
      for (const [truth, verdict] of verdicts) found.push([allOf([...truths, truth]), verdict]);
    }
    return found;
  }

  #extension({ type, name }: Statement, text: string): readonly Truth[] {
    return type === 'match' ? [extensionMatches(String(name), text, this.#packet)] : [];
  }

  #mapped({ key, data }: Statement, elements: Elements): readonly (readonly [Truth, Verdict])[] {
    const pairs =
      typeof data === 'string' ? elements(data.slice(1)) : isObject(data) ? data['set'] : undefined;
    if (!Array.isArray(pairs)) return [];
    return pairs.flatMap((pair: unknown) => {
      if (!Array.isArray(pair) || !isObject(pair[1])) return [];
      const truth = isElement(key, pair[0], this.#packet, elements);
      return direct(pair[1]).map(([, verdict]) => [truth, verdict] as const);
    });
  }
}

/** Statements that let some packets through to the next statement, and others not. */
const CONDITIONS: ReadonlySet<string> = new Set(['limit', 'quota', 'ct count', 'synproxy', 'socket']);

function direct(statement: Statement): readonly (readonly [Truth, Verdict])[] {
  const [[kind, body] = ['', undefined]] = Object.entries(statement);
  if (kind === 'accept' || kind === 'drop' || kind === 'return') return [['yes', { kind }]];
  if (kind === 'reject') return [['yes', { kind: 'drop' }]];
  if (kind === 'queue') return [['maybe', { kind: 'accept' }]];
  if ((kind === 'jump' || kind === 'goto') && isObject(body)) {
    return [['yes', { kind, target: String(body['target']) }]];
  }
  if (kind === 'xt' && isObject(body) && body['name'] === 'REJECT') return [['yes', { kind: 'drop' }]];
  return [];
}
