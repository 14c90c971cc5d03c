import { entriesOf, fieldOf } from './access.ts';
import { Flaw } from './flaw.ts';
import { call } from './functions.ts';
import type { Command, Node, Operand, Pipe } from './nodes.ts';
import { isTrue, kindOf, showAlone } from './show.ts';

/** What one run may cost: a step, and a character that is made or looked at. All of a report of 500 hosts is half of it. */
const LIMIT = 2 ** 27;
const STEP = 32;

/** Fills a template in with `root`; throws a `Flaw` where that can't be done. */
export function evaluate(nodes: readonly Node[], root: unknown): string {
  return new Evaluation(root).run(nodes, root);
}

class Evaluation {
  /** Innermost last. */
  readonly #variables: (readonly [name: string, holder: { value: unknown }])[];
  readonly #out: string[] = [];
  #spent = 0;

  constructor(root: unknown) {
    this.#variables = [['$', { value: root }]];
  }

  run(nodes: readonly Node[], dot: unknown): string {
    this.#walk(nodes, dot);
    return this.#out.join('');
  }

  /** Variables that are declared in here end with it. */
  #walk(nodes: readonly Node[], dot: unknown): void {
    const outer = this.#variables.length;
    for (const node of nodes) {
      if (node.kind === 'text') this.#print(node.text, 0);
      else if (node.kind === 'action') {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.#print(showAlone(value), node.pipe.at);
      } else this.#block(node, dot);
    }
    this.#variables.length = outer;
  }

  #block(node: Exclude<Node, { kind: 'text' | 'action' }>, dot: unknown): void {
    const outer = this.#variables.length;
    if (node.kind === 'range') this.#range(node, dot);
    else {
      const value = this.#pipe(node.pipe, dot);
      if (isTrue(value)) this.#walk(node.body, node.kind === 'with' ? value : dot);
      else this.#walk(node.otherwise, dot);
    }
    this.#variables.length = outer;
  }

  #range({ body, otherwise, pipe }: Exclude<Node, { kind: 'text' | 'action' }>, dot: unknown): void {
    const value = this.#pipe({ ...pipe, variables: [] }, dot);
    const entries = entriesOf(value);
    if (entries === undefined)
      throw new Flaw(pipe.at, `range can't go through ${kindOf(value)}; it takes a list or a map`);
    const [first, second] = pipe.variables;
    const outer = this.#variables.length;
    for (const [key, element] of entries) {
      if (first !== undefined) this.#variables.push([first, { value: second === undefined ? element : key }]);
      if (second !== undefined) this.#variables.push([second, { value: element }]);
      this.#spend(STEP, pipe.at);
      this.#walk(body, element);
      this.#variables.length = outer;
    }
    if (entries.length === 0) this.#walk(otherwise, dot);
  }

  #pipe({ commands, declares, variables }: Pipe, dot: unknown): unknown {
    const [first, ...others] = commands;
    let value = this.#command(first!, dot, []);
    for (const command of others) value = this.#command(command, dot, [value]);
    const [name] = variables;
    if (name !== undefined && declares) this.#variables.push([name, { value }]);
    else if (name !== undefined) this.#holder(name, commands[0]!.at).value = value;
    return value;
  }

  #command({ head, rest }: Command, dot: unknown, last: readonly unknown[]): unknown {
    if (head.kind !== 'function') return this.#operand(head, dot);
    this.#spend(STEP, head.at);
    const args: unknown[] = [];
    for (const operand of rest) {
      const value = this.#operand(operand, dot);
      const settles = (head.name === 'and' && !isTrue(value)) || (head.name === 'or' && isTrue(value));
      if (settles) return value;
      args.push(value);
    }
    const all = [...args, ...last];
    for (const arg of all) this.#spend(lengthOf(arg), head.at);
    const made = call(head.name, all, why => new Flaw(head.at, why));
    this.#spend(lengthOf(made), head.at);
    return made;
  }

  #operand(operand: Operand, dot: unknown): unknown {
    this.#spend(STEP, operand.at);
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'literal':
        return operand.value;
      case 'variable':
        return this.#holder(operand.name, operand.at).value;
      case 'pipe':
        return this.#pipe(operand.pipe, dot);
      case 'function':
        return this.#command({ at: operand.at, head: operand, rest: [] }, dot, []);
      case 'fields':
        return operand.names.reduce(
          (of, name) => fieldOf(of, name, operand.at),
          this.#operand(operand.of, dot),
        );
    }
  }

  #holder(name: string, at: number): { value: unknown } {
    const found = this.#variables.findLast(([each]) => each === name)?.[1];
    if (found !== undefined) return found;
    throw new Flaw(at, `there is no variable ${name} here; make one with {{${name} := .}}`);
  }

  #print(text: string, at: number): void {
    this.#spend(text.length, at);
    this.#out.push(text);
  }

  #spend(cost: number, at: number): void {
    this.#spent += cost;
    if (this.#spent > LIMIT) throw new Flaw(at, 'the template makes too much of this; ask for less of it');
  }
}

/** Of text; anything else costs no more than its step. */
const lengthOf = (value: unknown): number => (typeof value === 'string' ? value.length : 0);
