import { ok, type Problem, type Result, refuse } from '../../../core/errors.ts';
import { KernelError } from '../libc.ts';
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink, type Request } from '../netlink/socket.ts';
import type { InSwitch } from '../parts.ts';
import type { Element, Elements } from './elements.ts';
import {
  addElements,
  type Count,
  counterIn,
  elementsIn,
  listCounters,
  listElements,
  listRules,
  removeElements,
  removeTable,
  ruleIn,
  type SetName,
  transactions,
} from './nfnetlink.ts';
import { runNft } from './nft.ts';
import { type Content, type Ruleset, replaceScript, TABLE } from './ruleset.ts';

/** What should be in one set from now on, against what should have been there so far. */
export interface Change {
  readonly set: string;
  readonly add: readonly Element[];
  readonly remove: readonly Element[];
}

/**
 * One table of ours in one namespace. Rules are loaded by nft once; what its sets hold changes by netlink alone. It
 * remembers what they should hold, so that a kernel that holds something else is put right.
 */
export interface Table {
  /** What the set should hold. */
  wanted(set: string): ReadonlySet<Element>;
  /** Loads the rules in place of those that are there, with the wanted elements and the counts so far. */
  load(): Promise<Result<void>>;
  /**
   * Makes one set hold other elements, and loads the rules that are made of them. On refusal everything stays as it was.
   */
  rewrite(set: string, elements: readonly Element[]): Promise<Result<void>>;
  /** Carries out all changes or none. Throws a `KernelError`; they stay wanted nevertheless. */
  change(changes: readonly Change[]): void;
  /** Compares the kernel with what is wanted, and mends it; gives a sentence for each thing mended. */
  audit(): Promise<Result<readonly string[]>>;
  /** By the name of the counter; empty where the table is gone. */
  counts(): ReadonlyMap<string, Count>;
  /** Removes the table, if it is there. Throws a `KernelError`. */
  remove(): void;
  close(): void;
}

/**
 * Opens the table in the namespace that `inNamespace` leads to. What is wanted at first `adopt` makes out of what an
 * earlier router left there. Refuses with `kernel-lacks`, `no-permission`, `kernel-refused`.
 */
export function openTable(
  ruleset: Ruleset,
  inNamespace: InSwitch,
  adopt: (held: Elements) => Elements,
): Result<Table> {
  try {
    const socket = inNamespace(() => openNetlink(NETLINK_NETFILTER));
    try {
      return ok(new KernelTable(ruleset, inNamespace, socket, adopt));
    } catch (error) {
      socket.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof KernelError) return refuse(problemOf(error));
    throw error;
  }
}

class KernelTable implements Table {
  readonly #ruleset: Ruleset;
  readonly #inNamespace: InSwitch;
  readonly #socket: NetlinkSocket;
  readonly #sets: readonly SetName[];
  readonly #wanted = new Map<string, Set<Element>>();
  /** The rules as they were loaded; undefined while none were. */
  #rules: string | undefined;

  constructor(
    ruleset: Ruleset,
    inNamespace: InSwitch,
    socket: NetlinkSocket,
    adopt: (held: Elements) => Elements,
  ) {
    this.#ruleset = ruleset;
    this.#inNamespace = inNamespace;
    this.#socket = socket;
    const sets = Object.entries(ruleset.sets).map(([set, shape]) => ({ ...this.#name, set, shape }));
    const maps = Object.entries(ruleset.maps ?? {}).map(([set, { key, data }]) => ({
      ...this.#name,
      ...{ set, shape: key, data },
    }));
    this.#sets = [...sets, ...maps];
    const held = new Map(this.#sets.map(name => [name.set, this.#read(name) ?? new Set<Element>()]));
    for (const [set, elements] of adopt(held)) this.#wanted.set(set, new Set(elements));
  }

  wanted(set: string): ReadonlySet<Element> {
    return this.#of(set);
  }

  async load(): Promise<Result<void>> {
    try {
      const content: Content = { elements: this.#wanted, counts: this.counts() };
      const loaded = await runNft(replaceScript(this.#ruleset, content), this.#inNamespace);
      // What changed while nft ran may have gone into the table that it replaced.
      if (loaded.ok) this.#commit(this.#differences() ?? []);
      if (loaded.ok) this.#rules = this.#readRules();
      return loaded;
    } catch (error) {
      if (error instanceof KernelError) return refuse(problemOf(error));
      throw error;
    }
  }

  async rewrite(set: string, elements: readonly Element[]): Promise<Result<void>> {
    const before = this.#of(set);
    this.#wanted.set(set, new Set(elements));
    const loaded = await this.load();
    if (!loaded.ok) this.#wanted.set(set, before);
    return loaded;
  }

  change(changes: readonly Change[]): void {
    for (const { set, add, remove } of changes) {
      const wanted = this.#of(set);
      for (const element of remove) wanted.delete(element);
      for (const element of add) wanted.add(element);
    }
    try {
      this.#commit(changes);
    } catch (error) {
      // Somebody else changed the set: look what it holds, and go from there.
      if (!(error instanceof KernelError && error.code === 'ENOENT')) throw error;
      this.#commit(this.#differences() ?? changes);
    }
  }

  async audit(): Promise<Result<readonly string[]>> {
    try {
      const { family } = this.#ruleset;
      const differences = this.#differences();
      if (differences === undefined || this.#readRules() !== this.#rules) {
        const why = differences === undefined ? 'it was gone' : 'its rules had changed';
        const loaded = await this.load();
        return loaded.ok ? ok([`loaded the table ${family} ${TABLE} again: ${why}`]) : loaded;
      }
      this.#commit(differences);
      return ok(differences.flatMap(difference => this.#sentences(difference)));
    } catch (error) {
      if (error instanceof KernelError) return refuse(problemOf(error));
      throw error;
    }
  }

  counts(): ReadonlyMap<string, Count> {
    return new Map(orGone(() => this.#socket.dump(listCounters(this.#name), counterIn)) ?? []);
  }

  remove(): void {
    orGone(() => this.#run([removeTable(this.#name)]));
  }

  close(): void {
    this.#socket.close();
  }

  get #name(): { readonly family: Ruleset['family']; readonly table: string } {
    return { family: this.#ruleset.family, table: TABLE };
  }

  #of(set: string): Set<Element> {
    const elements = this.#wanted.get(set);
    if (elements === undefined) throw new Error(`the table has no set "${set}"`);
    return elements;
  }

  #read(name: SetName): ReadonlySet<Element> | undefined {
    return orGone(() => new Set(this.#socket.dump(listElements(name), m => elementsIn(name, m)).flat()));
  }

  /** What tells other rules, or the same ones in another order: the kernel gives each a number of its own. */
  #readRules(): string | undefined {
    const rules = orGone(() => this.#socket.dump(listRules(this.#name), ruleIn));
    return rules?.map(({ chain, handle }) => `${chain}/${handle}`).join(' ');
  }

  /** What makes the kernel hold what is wanted; undefined where a set is missing. */
  #differences(): readonly Change[] | undefined {
    const changes: Change[] = [];
    for (const name of this.#sets) {
      const held = this.#read(name);
      if (held === undefined) return undefined;
      const wanted = this.#of(name.set);
      const add = [...wanted].filter(element => !held.has(element));
      const remove = [...held].filter(element => !wanted.has(element));
      changes.push({ set: name.set, add, remove });
    }
    return changes;
  }

  #commit(changes: readonly Change[]): void {
    const requests = this.#sets.flatMap(name => {
      const of = changes.filter(change => change.set === name.set);
      // In this order: what a map has for a key goes before something else can be put there.
      return of.flatMap(({ add, remove }) => [...removeElements(name, remove), ...addElements(name, add)]);
    });
    this.#run(requests);
  }

  #run(requests: readonly Request[]): void {
    for (const transaction of transactions(requests)) this.#socket.run(...transaction);
  }

  #sentences({ set, add, remove }: Change): readonly string[] {
    const where = `the set ${set} of table ${this.#ruleset.family} ${TABLE}`;
    return [
      ...add.map(element => `put ${element} back into ${where}`),
      ...remove.map(element => `took ${element} out of ${where}`),
    ];
  }
}

/** Undefined where the table or set isn't there. */
function orGone<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function problemOf(error: KernelError): Problem {
  if (error.code === 'EPERM') return { code: 'no-permission', what: error.what };
  // No nfnetlink at all, or nobody in it who knows the messages of nf_tables.
  const missing = ['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP'].includes(error.code);
  if (missing) return { code: 'kernel-lacks', feature: 'nf_tables' };
  return { code: 'kernel-refused', what: error.what, why: error.why };
}
