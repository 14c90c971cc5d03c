import { ok, type Result, refuse } from '../../core/errors.ts';

/** One setting of a router: how it is given, and what it is where it isn't. */
export interface Option<Value> {
  /** Without the dashes. */
  readonly flag: string;
  /** One letter that says the same on the command line. */
  readonly short?: string;
  /** May be given several times, which is one list with commas. */
  readonly repeats?: boolean;
  /** What the value is called in the help; undefined for a switch. */
  readonly value: string | undefined;
  /** Environment variables that say the same, the first that is set counts. */
  readonly env: readonly string[];
  /** Whether the empty text says something, so that a variable which is empty counts as set. */
  readonly takesNothing?: boolean;
  readonly help: string;
  readonly initial: Value;
  /** Why `initial` is what it is. */
  readonly reason: string;
  /** A switch is parsed as the text `true`. `name` is what the user wrote it under. */
  parse(text: string, name: string): Result<Value>;
  /** The text that `parse` takes; undefined where the flag is left out. */
  format(value: Value): string | undefined;
}

export const bad = (name: string, value: string, allowed: string) =>
  refuse({ code: 'bad-setting', name, value, allowed });

export function parseSwitch(text: string, name: string): Result<boolean> {
  if (['true', 'yes', '1'].includes(text)) return ok(true);
  if (['false', 'no', '0'].includes(text)) return ok(false);
  return bad(name, text, 'true or false');
}
