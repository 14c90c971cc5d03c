import type { Complain } from './functions.ts';
import { kindOf, show } from './show.ts';

/** Wider is no table any more, and would fill memory. */
const WIDEST = 1_000;
const DIRECTIVE = /%(?<flags>[-+# 0]*)(?<width>\d*)(?:\.(?<precision>\d*))?(?<verb>.?)/gsu;

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly verb: string;
}

/** As Go's `fmt.Sprintf`, except that what Go prints as an error within the text is an error here. */
export function formatted(format: unknown, args: readonly unknown[], complain: Complain): string {
  if (typeof format !== 'string')
    throw complain(`printf with ${kindOf(format)}; it takes a format first, like "%s"`);
  let next = 0;
  const text = format.replace(DIRECTIVE, (found, ...rest) => {
    const groups = rest.at(-1) as Record<string, string | undefined>;
    const directive = directiveOf(groups, found, complain);
    if (directive.verb === '%') return '%';
    if (next >= args.length)
      throw complain(`printf has no argument for ${found}, the ${next + 1}. of its format; add one`);
    next += 1;
    return padded(verbatim(directive, args[next - 1], found, complain), directive);
  });
  if (next < args.length)
    throw complain(`printf has ${args.length} arguments for the ${next} of its format; take some away`);
  return text;
}

function directiveOf(
  { flags = '', precision, verb = '', width = '' }: Record<string, string | undefined>,
  found: string,
  complain: Complain,
): Directive {
  const size = { width: Number(width), precision: precision === undefined ? undefined : Number(precision) };
  if (Math.max(size.width, size.precision ?? 0) > WIDEST)
    throw complain(`${found} is too wide; at most ${WIDEST} are allowed`);
  return { flags, verb, ...size };
}

function verbatim(directive: Directive, value: unknown, found: string, complain: Complain): string {
  const { flags, precision, verb } = directive;
  const cut = (text: string): string =>
    precision === undefined ? text : [...text].slice(0, precision).join('');
  if (verb === 'v' || verb === 's')
    return typeof value === 'number' ? number(directive, value) : cut(show(value));
  if (verb === 'q' && typeof value === 'string') return JSON.stringify(cut(value));
  if (verb === 't' && typeof value === 'boolean') return `${value}`;
  if ((verb === 'x' || verb === 'X') && (Number.isInteger(value) || typeof value === 'string')) {
    const hex = typeof value === 'string' ? Buffer.from(value).toString('hex') : Number(value).toString(16);
    const text = flags.includes('#') ? hex.replace(/^-?/, '$&0x') : hex;
    return verb === 'X' ? text.toUpperCase() : text;
  }
  const isNumber =
    verb === 'd' ? Number.isInteger(value) : ['f', 'e', 'g'].includes(verb) && typeof value === 'number';
  if (isNumber) return number(directive, value as number);
  throw complain(
    `printf can't write ${kindOf(value)} by ${found}; there are %v, %s %q (text), %d %x (whole numbers), %f %e %g (numbers), %t (booleans)`,
  );
}

function number({ flags, precision, verb }: Directive, value: number): string {
  const plus = value < 0 ? '' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  return `${plus}${digits(verb, precision, value)}`;
}

function digits(verb: string, precision: number | undefined, value: number): string {
  const places = Math.min(precision ?? 6, 100);
  if (verb === 'f') return value.toFixed(places);
  if (verb === 'e') return value.toExponential(places).replace(/(?<=e[+-])\d$/, '0$&');
  if (verb === 'd' || precision === undefined || Number.isInteger(value)) return show(value);
  return show(Number(value.toPrecision(Math.max(1, places))));
}

/** Zeros go between a sign and the number. */
function padded(text: string, { flags, verb, width }: Directive): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || 'sqt'.includes(verb)) return ' '.repeat(missing) + text;
  const sign = /^[+-]?/.exec(text)![0];
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}
