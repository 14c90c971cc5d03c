import { compared, equal } from './compare.ts';
import { formatted } from './printf.ts';
import { isMap, isNothing, isObject, isTrue, kindOf, show } from './show.ts';

/** Makes what a function throws where it can't take what it is given: the evaluator knows where it stands. */
export type Complain = (why: string) => Error;

interface Fn {
  readonly least: number;
  readonly most: number;
  apply(args: readonly unknown[], complain: Complain): unknown;
}

/** Of `and` and `or` the evaluator stops at the first argument that settles it: what is left is the last one. */
const FUNCTIONS: ReadonlyMap<string, Fn> = new Map<string, Fn>([
  ['and', { least: 1, most: 100, apply: args => args.at(-1) }],
  ['or', { least: 1, most: 100, apply: args => args.at(-1) }],
  ['not', { least: 1, most: 1, apply: ([arg]) => !isTrue(arg) }],
  ['eq', { least: 2, most: 100, apply: ([a, ...others], c) => others.some(b => equal(a, b, c)) }],
  ['ne', { least: 2, most: 2, apply: ([a, b], complain) => !equal(a, b, complain) }],
  ['lt', { least: 2, most: 2, apply: ([a, b], complain) => compared(a, b, complain) < 0 }],
  ['le', { least: 2, most: 2, apply: ([a, b], complain) => compared(a, b, complain) <= 0 }],
  ['gt', { least: 2, most: 2, apply: ([a, b], complain) => compared(a, b, complain) > 0 }],
  ['ge', { least: 2, most: 2, apply: ([a, b], complain) => compared(a, b, complain) >= 0 }],
  ['len', { least: 1, most: 1, apply: ([arg], complain) => lengthOf(arg, complain) }],
  ['index', { least: 1, most: 100, apply: ([of, ...keys], complain) => indexed(of, keys, complain) }],
  ['json', { least: 1, most: 1, apply: ([arg]) => JSON.stringify(arg) ?? 'null' }],
  ['print', { least: 0, most: 100, apply: printed }],
  ['println', { least: 0, most: 100, apply: args => `${args.map(show).join(' ')}\n` }],
  ['printf', { least: 1, most: 100, apply: ([format, ...args], c) => formatted(format, args, c) }],
]);

export const isFunction = (name: string): boolean => FUNCTIONS.has(name);
export const namesOfFunctions = (): string => [...FUNCTIONS.keys()].join(', ');

/** What the function makes of its arguments; `name` is one that `isFunction` knows. */
export function call(name: string, args: readonly unknown[], complain: Complain): unknown {
  const { apply, least, most } = FUNCTIONS.get(name)!;
  if (args.length >= least && args.length <= most) return apply(args, complain);
  const takes = least === most ? `${least}` : `${least} or more`;
  throw complain(`wrong number of arguments for ${name}: it takes ${takes}, and here are ${args.length}`);
}

/** Of text in bytes, as Go counts it. */
function lengthOf(value: unknown, complain: Complain): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw complain(`len of ${kindOf(value)}; it takes text, a list or a map`);
}

function indexed(value: unknown, keys: readonly unknown[], complain: Complain): unknown {
  return keys.reduce((of, key) => {
    if (Array.isArray(of)) {
      if (typeof key === 'number' && Number.isInteger(key) && key >= 0 && key < of.length) return of[key];
      throw complain(`index out of range: ${show(key)}; the list has ${of.length} elements, from 0 on`);
    }
    if (isObject(of) && typeof key === 'string') return Object.hasOwn(of, key) ? of[key] : undefined;
    if (isNothing(of)) throw complain('index of nothing; ask with "if" first whether it is there');
    throw complain(
      `index of ${kindOf(of)} by ${kindOf(key)}; it takes a list and a number, or a map and text`,
    );
  }, value);
}

/** With a space between two of which neither is text. */
function printed(args: readonly unknown[]): string {
  const isText = (index: number): boolean => typeof args[index] === 'string';
  return args
    .map((arg, index) => (index > 0 && !isText(index) && !isText(index - 1) ? ` ${show(arg)}` : show(arg)))
    .join('');
}
