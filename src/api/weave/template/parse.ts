import { Action } from './actions.ts';
import { Flaw } from './flaw.ts';
import type { Node } from './nodes.ts';
import { type Piece, piecesOf } from './tokens.ts';

const DEEPEST = 50;

/** Reads a template; throws a `Flaw` where it is none. */
export function parse(template: string): readonly Node[] {
  const parser = new Parser(piecesOf(template));
  const nodes = parser.nodes();
  parser.finish();
  return nodes;
}

/** What ends a run of nodes: `end`, or an `else` whose own words follow. */
interface Closer {
  readonly action: Action;
  readonly at: number;
  readonly word: 'else' | 'end';
}

class Parser {
  readonly #pieces: readonly Piece[];
  #next = 0;
  #depth = 0;
  #closer: Closer | undefined;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Up to an `else` or `end`, which is then in `#closer`, or to the end of the template. */
  nodes(): readonly Node[] {
    const nodes: Node[] = [];
    while (this.#next < this.#pieces.length) {
      const piece = this.#pieces[this.#next]!;
      this.#next += 1;
      if (piece.kind === 'text') {
        nodes.push(piece);
        continue;
      }
      const action = new Action(piece.tokens);
      const { at } = action.token;
      const word = (['else', 'end'] as const).find(each => action.takes('word', each));
      if (word !== undefined) {
        this.#closer = { action, at, word };
        return nodes;
      }
      nodes.push(this.#node(action, at));
    }
    this.#closer = undefined;
    return nodes;
  }

  finish(): void {
    if (this.#closer === undefined) return;
    const { at, word } = this.#closer;
    throw new Flaw(at, `"${word}" without an "if", "with" or "range" before it; take it away`);
  }

  #node(action: Action, at: number): Node {
    const word = action.token.kind === 'word' ? action.token.text : '';
    if (UNSUPPORTED.has(word))
      throw new Flaw(at, `"${word}" is not supported; there are "if", "with" and "range"`);
    const kind = (['if', 'with', 'range'] as const).find(each => action.takes('word', each));
    if (kind !== undefined) return this.#block(kind, action, at);
    const pipe = action.pipe(1);
    action.ends();
    return { kind: 'action', pipe };
  }

  #block(kind: 'if' | 'with' | 'range', action: Action, at: number): Node {
    if (this.#depth >= DEEPEST) throw new Flaw(at, `more than ${DEEPEST} blocks within one another`);
    this.#depth += 1;
    const pipe = action.pipe(kind === 'range' ? 2 : 1);
    action.ends();
    if (kind === 'range' && pipe.variables.length > 0 && !pipe.declares)
      throw new Flaw(pipe.at, '"range" makes new variables; write ":=" in place of "="');
    const body = this.nodes();
    const closer = this.#closed(kind, at);
    const otherwise = closer.word === 'else' ? this.#otherwise(closer, kind, at) : [];
    if (closer.word === 'end') closer.action.ends();
    this.#depth -= 1;
    return { kind, pipe, body, otherwise };
  }

  /** `else` and what follows, or `else if`: that is a block of its own, which has its `end` with this one. */
  #otherwise({ action, at: elseAt }: Closer, kind: string, at: number): readonly Node[] {
    const again = kind !== 'range' && (['if', 'with'] as const).find(each => action.takes('word', each));
    if (again) return [this.#block(again, action, elseAt)];
    action.ends();
    const nodes = this.nodes();
    const closer = this.#closed(kind, at);
    if (closer.word === 'else') throw new Flaw(closer.at, `a second "else" of one "${kind}"; take it away`);
    closer.action.ends();
    return nodes;
  }

  #closed(kind: string, at: number): Closer {
    if (this.#closer === undefined) throw new Flaw(at, `"${kind}" is never closed; end it with {{end}}`);
    return this.#closer;
  }
}

const UNSUPPORTED: ReadonlySet<string> = new Set(['block', 'break', 'continue', 'define', 'template']);
