import { Flaw } from './flaw.ts';

const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.))/gu;

const NAMED: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
  ['"', '"'],
]);

/** The text that a literal in double quotes means, with the escapes of Go's interpreted strings. */
export function unquote(literal: string, at: number): string {
  return literal.slice(1, -1).replace(ESCAPE, (found, byte, short, long, octal, named, offset: number) => {
    const hex = byte ?? short ?? long;
    const code = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    const text = code === undefined ? NAMED.get(named) : characterOf(code);
    if (text !== undefined) return text;
    throw new Flaw(
      at + 1 + offset,
      `unknown escape ${found}; there are \\n, \\t, \\", \\\\, \\x41, \\u0041; or write the text in back-quotes`,
    );
  });
}

const characterOf = (code: number): string | undefined =>
  code > 0x10ffff ? undefined : String.fromCodePoint(code);
