/** What a template is read into. Every `at` is an offset in the template, for what is said about it. */

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  /** What comes of it is printed, unless it only declares a variable. */
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** `$name := first | second`: each command's value is the last argument of the next. */
export interface Pipe {
  readonly at: number;
  /** Variables that get the value; of `range`, the index and the element. */
  readonly variables: readonly string[];
  /** Whether they are new, or set once more. */
  readonly declares: boolean;
  readonly commands: readonly Command[];
}

/** A value, or a function and what it is given. */
export interface Command {
  readonly at: number;
  readonly head: Operand;
  readonly rest: readonly Operand[];
}

export type Operand = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly value: string | number | boolean | undefined }
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }
  | { readonly kind: 'fields'; readonly of: Operand; readonly names: readonly string[] }
);
