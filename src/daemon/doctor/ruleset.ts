import { isObject } from '../../core/json.ts';
import type { Rules } from './check.ts';

/** The packet filter, sorted by chain: libnftables-json(5). */

export type Statement = Readonly<Record<string, unknown>>;

export interface Rule {
  readonly handle: number;
  /** As people write it. */
  readonly text: string;
  readonly statements: readonly Statement[];
}

export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Undefined for a chain that packets come to by a jump only. */
  readonly hook: string | undefined;
  /** What becomes of a packet that no rule decided about. */
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
}

export interface Ruleset {
  readonly chains: readonly Chain[];
  chain(family: string, table: string, name: string): Chain | undefined;
  /** Elements of a named set or map; undefined where there is no such set. */
  elements(family: string, table: string, name: string): readonly unknown[] | undefined;
}

const keyOf = (family: unknown, table: unknown, name: unknown): string => `${family} ${table} ${name}`;

/** What of `json` is understood; another program's idea of JSON gives an empty ruleset. */
export function parseRuleset({ json, text }: Rules): Ruleset {
  const texts = textsIn(text);
  const items = isObject(json) && Array.isArray(json['nftables']) ? (json['nftables'] as unknown[]) : [];
  const chains = new Map<string, Chain & { readonly rules: Rule[] }>();
  const sets = new Map<string, readonly unknown[]>();
  for (const item of items) {
    if (!isObject(item)) continue;
    const [[kind, body] = ['', undefined]] = Object.entries(item);
    if (!isObject(body)) continue;
    const { family, table, name } = body;
    if (kind === 'chain') chains.set(keyOf(family, table, name), chainOf(body));
    if (kind === 'set' || kind === 'map') {
      sets.set(keyOf(family, table, name), Array.isArray(body['elem']) ? body['elem'] : []);
    }
    if (kind === 'rule') chains.get(keyOf(family, table, body['chain']))?.rules.push(ruleOf(body, texts));
  }
  return {
    chains: [...chains.values()],
    chain: (...path) => chains.get(keyOf(...path)),
    elements: (...path) => sets.get(keyOf(...path)),
  };
}

function chainOf(body: Statement): Chain & { readonly rules: Rule[] } {
  return {
    family: String(body['family']),
    table: String(body['table']),
    name: String(body['name']),
    hook: typeof body['hook'] === 'string' ? body['hook'] : undefined,
    policy: body['policy'] === 'drop' ? 'drop' : 'accept',
    rules: [],
  };
}

function ruleOf({ family, table, chain, handle, expr }: Statement, texts: ReadonlyMap<string, string>): Rule {
  return {
    handle: Number(handle),
    text: texts.get(`${keyOf(family, table, chain)} ${handle}`) ?? `rule ${handle}`,
    statements: Array.isArray(expr) ? expr.filter(isObject) : [],
  };
}

const withoutCounts = (rule: string): string =>
  rule.replace(/\bcounter packets \d+ bytes \d+ ?/g, '').replace(/ {2,}/g, ' ');

/** Rules as people write them, by `FAMILY TABLE CHAIN HANDLE`, out of what `nft -a list ruleset` prints. */
function textsIn(text: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  let [table, chain] = ['', ''];
  for (const line of text.split('\n')) {
    const opened = /^\s*(table|chain) (.+) \{/.exec(line);
    if (opened?.[1] === 'table') table = opened[2] ?? '';
    else if (opened?.[1] === 'chain') chain = opened[2] ?? '';
    else {
      const [, rule, handle] = /^\s*(.*) # handle (\d+)$/.exec(line) ?? [];
      if (rule !== undefined) texts.set(`${table} ${chain} ${handle}`, withoutCounts(rule));
    }
  }
  return texts;
}
