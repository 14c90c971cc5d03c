import { Flaw } from './flaw.ts';
import { unquote } from './unquote.ts';

/** One word of an action. `at` and `end` are offsets in the template. */
export interface Token {
  readonly kind: 'literal' | 'variable' | 'field' | 'word' | 'mark' | 'end';
  readonly text: string;
  /** Of a literal alone. */
  readonly value?: string | number;
  readonly at: number;
  readonly end: number;
}

/** Text that stands for itself, or what is between `{{` and `}}`; the last token of an action is its `end`. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[] };

const BLANK = ' \t\r\n';
const OPEN = /\{\{(?:-(?=[ \t\r\n]))?/g;
const CLOSE = /(?:[ \t\r\n]+-)?\}\}/y;
const SPACE = /[ \t\r\n]+/y;
const COMMENT = /[ \t\r\n]*\/\*.*?\*\//sy;

/** In this order: a number may begin as a field does. */
const SHAPES: readonly (readonly [Token['kind'], RegExp])[] = [
  ['literal', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['literal', /[+-]?(?:0[xX][\da-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ['variable', /\$[\p{L}\p{Nd}_]*/uy],
  ['field', /(?:\.[\p{L}_][\p{L}\p{Nd}_]*)+|\./uy],
  ['word', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['mark', /:=|[=|(),]/y],
];

/** Takes a template apart. A `-` inside of the braces trims the text on its side. */
export function piecesOf(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trims = false;
  for (const open of template.matchAll(OPEN)) {
    if (open.index < at) continue;
    const text = template.slice(at, open.index);
    addText(pieces, trims, open[0].endsWith('-'), text);
    const { end, tokens } = readAction(template, open.index, open.index + open[0].length);
    if (tokens.length > 0) pieces.push({ kind: 'action', tokens });
    trims = template.startsWith('-}}', end - 3);
    at = end;
  }
  addText(pieces, trims, false, template.slice(at));
  return pieces;
}

function addText(pieces: Piece[], trimsStart: boolean, trimsEnd: boolean, text: string): void {
  let start = 0;
  let end = text.length;
  while (trimsStart && start < end && BLANK.includes(text[start]!)) start += 1;
  while (trimsEnd && end > start && BLANK.includes(text[end - 1]!)) end -= 1;
  if (end > start) pieces.push({ kind: 'text', text: text.slice(start, end) });
}

/** A comment has no tokens at all. */
function readAction(
  template: string,
  open: number,
  begin: number,
): { tokens: readonly Token[]; end: number } {
  const comment = match(COMMENT, template, begin);
  if (comment !== undefined) {
    const close = match(CLOSE, template, begin + comment.length);
    if (close === undefined) throw new Flaw(open, 'a comment has to end with "*/}}"');
    return { tokens: [], end: begin + comment.length + close.length };
  }
  const tokens: Token[] = [];
  for (let at = begin; ; ) {
    const close = match(CLOSE, template, at);
    if (close !== undefined) {
      const end = at + close.length;
      return { tokens: [...tokens, { kind: 'end', text: '}}', at, end }], end };
    }
    const space = match(SPACE, template, at);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    if (at >= template.length) throw new Flaw(open, '"{{" is never closed; end it with "}}"');
    const token = readToken(template, at);
    tokens.push(token);
    at = token.end;
  }
}

function readToken(template: string, at: number): Token {
  for (const [kind, shape] of SHAPES) {
    const text = match(shape, template, at);
    if (text === undefined) continue;
    const end = at + text.length;
    return { kind, text, at, end, ...(kind === 'literal' && { value: literalOf(text, at) }) };
  }
  const found = String.fromCodePoint(template.codePointAt(at)!);
  if (found === '"' || found === '`')
    throw new Flaw(
      at,
      `text that begins with ${found} is never closed; end it with ${found} on the same line`,
    );
  throw new Flaw(at, `unexpected ${JSON.stringify(found)}; values look like .Field, $variable, "text", 5`);
}

function literalOf(text: string, at: number): string | number {
  if (text.startsWith('`')) return text.slice(1, -1);
  if (text.startsWith('"')) return unquote(text, at);
  const digits = text.replace(/^[+-]/, '');
  return text.startsWith('-') ? -Number(digits) : Number(digits);
}

/** What `shape`, a sticky expression, finds at an offset. */
function match(shape: RegExp, text: string, at: number): string | undefined {
  shape.lastIndex = at;
  return shape.exec(text)?.[0];
}
