import { Flaw } from './flaw.ts';
import { isFunction, namesOfFunctions } from './functions.ts';
import type { Command, Operand, Pipe } from './nodes.ts';
import type { Token } from './tokens.ts';

const DEEPEST = 50;

/** Reads what stands in one pair of braces, from a token on. */
export class Action {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  /** `tokens` has its `end` as the last one. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get token(): Token {
    return this.#tokens[this.#next]!;
  }

  /** Goes on behind the token, if it is this one. */
  takes(kind: Token['kind'], text: string): boolean {
    const found = this.token.kind === kind && this.token.text === text;
    if (found) this.#next += 1;
    return found;
  }

  ends(): void {
    if (this.token.kind !== 'end') throw this.#unexpected('"}}"');
  }

  /** Up to `}}`; `most` is how many variables may be set at once. */
  pipe(most: number): Pipe {
    const { at } = this.token;
    const { declares, variables } = this.#variables(most);
    return { at, variables, declares, commands: this.#commands() };
  }

  #variables(most: number): Pick<Pipe, 'variables' | 'declares'> {
    const begin = this.#next;
    const variables: string[] = [];
    while (this.token.kind === 'variable' && variables.length < most) {
      variables.push(this.token.text);
      this.#next += 1;
      if (this.takes('mark', ':=')) return { variables, declares: true };
      if (this.takes('mark', '=')) return { variables, declares: false };
      if (!this.takes('mark', ',')) break;
    }
    this.#next = begin;
    return { variables: [], declares: false };
  }

  #commands(): readonly Command[] {
    const commands = [this.#command()];
    while (this.takes('mark', '|')) {
      const command = this.#command();
      if (command.head.kind !== 'function')
        throw new Flaw(command.at, `only a function can stand behind "|"; there are ${namesOfFunctions()}`);
      commands.push(command);
    }
    return commands;
  }

  #command(): Command {
    const { at } = this.token;
    const head = this.#operand();
    if (head === undefined) throw this.#unexpected('a value, like .Field, $variable, "text" or 5');
    const rest: Operand[] = [];
    for (let operand = this.#operand(); operand !== undefined; operand = this.#operand()) rest.push(operand);
    if (rest.length > 0 && head.kind !== 'function')
      throw new Flaw(
        rest[0]!.at,
        `what stands before it is no function that could be given this; there are ${namesOfFunctions()}`,
      );
    return { at, head, rest };
  }

  /** A value and, right behind it, fields of it; undefined where another thing stands. */
  #operand(): Operand | undefined {
    let operand = this.#term();
    while (operand !== undefined && this.#isAttached()) {
      const { at, text } = this.token;
      if (operand.kind === 'literal') throw new Flaw(at, 'a literal has no fields; put a space before it');
      this.#next += 1;
      operand = { kind: 'fields', at, of: operand, names: namesIn(text) };
    }
    return operand;
  }

  #isAttached(): boolean {
    const before = this.#tokens[this.#next - 1];
    return this.token.kind === 'field' && this.token.text !== '.' && before?.end === this.token.at;
  }

  #term(): Operand | undefined {
    const { at, kind, text, value } = this.token;
    if (kind === 'mark' && text === '(') return this.#group();
    if (kind === 'mark' || kind === 'end') return undefined;
    this.#next += 1;
    if (kind === 'literal') return { kind, at, value };
    if (kind === 'variable') return { kind, at, name: text };
    if (kind === 'field') {
      const dot = { kind: 'dot', at } as const;
      return text === '.' ? dot : { kind: 'fields', at, of: dot, names: namesIn(text) };
    }
    if (text === 'true' || text === 'false') return { kind: 'literal', at, value: text === 'true' };
    if (text === 'nil') return { kind: 'literal', at, value: undefined };
    if (isFunction(text)) return { kind: 'function', at, name: text };
    throw new Flaw(
      at,
      `unknown function "${text}"; there are ${namesOfFunctions()}; a field begins with "."`,
    );
  }

  #group(): Operand {
    const { at } = this.token;
    if (this.#depth >= DEEPEST) throw new Flaw(at, `more than ${DEEPEST} parentheses within one another`);
    this.#next += 1;
    this.#depth += 1;
    const pipe = this.pipe(0);
    this.#depth -= 1;
    if (!this.takes('mark', ')')) throw this.#unexpected('")"');
    return { kind: 'pipe', at, pipe };
  }

  #unexpected(wanted: string): Flaw {
    const { at, kind, text } = this.token;
    return new Flaw(at, `found ${kind === 'end' ? 'the end of the action' : `"${text}"`}, not ${wanted}`);
  }
}

const namesIn = (fields: string): readonly string[] => fields.slice(1).split('.');
