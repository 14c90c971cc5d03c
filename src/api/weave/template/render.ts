import { ok, type Result, refuse } from '../../../core/errors.ts';
import { evaluate } from './evaluate.ts';
import { Flaw } from './flaw.ts';
import { parse } from './parse.ts';

/** Longer is no template that a person wrote. */
const LONGEST = 65_536;

/**
 * Fills in a template of the kind that Go's `text/template` takes with `value`, which is JSON. Refuses with `bad-template`,
 * and never runs longer than about a second.
 */
export function renderTemplate(template: string, value: unknown): Result<string> {
  try {
    if (template.length > LONGEST) throw new Flaw(0, `it is longer than ${LONGEST} characters; shorten it`);
    return ok(evaluate(parse(template), value));
  } catch (error) {
    if (!(error instanceof Flaw)) throw error;
    const before = template.slice(0, error.at).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    return refuse({ code: 'bad-template', line, column, why: error.message });
  }
}
