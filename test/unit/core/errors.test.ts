import { readFileSync } from 'node:fs';
import { expect, it, describe as suite } from 'vitest';
import { describe, exitStatus, isProblemCode, ok, type Problem, refuse } from '../../../src/core/errors.ts';

/** The union as it is written, so that a new member without a sentence, or one of these rules broken, is noticed. */
const source = readFileSync(new URL('../../../src/core/errors.ts', import.meta.url), 'utf8');
const members = [...source.matchAll(/^ {2}\| \{ readonly code: '([a-z-]+)'(.*) \}/gm)].map(match => ({
  code: match[1]!,
  fields: [...match[2]!.matchAll(/readonly (\w+): ([^;}]+)/g)].map(([, name, type]) => ({
    name: name!,
    type: type!.trim(),
  })),
}));

/** A problem whose every field can be recognised in a sentence. */
function sample({ code, fields }: (typeof members)[number]): { problem: Problem; told: readonly string[] } {
  const values = fields.map(({ name, type }, index) => {
    if (type === 'number') return [name, 40_000 + index] as const;
    return [name, type.startsWith("'") ? type.split("'")[1]! : `<${name}>`] as const;
  });
  return {
    problem: { code, ...Object.fromEntries(values) } as unknown as Problem,
    told: values.map(([, value]) => `${value}`),
  };
}

suite('every problem', () => {
  it('is found in the source', () => {
    expect(members.length).toBeGreaterThan(30);
    for (const { code } of members) expect(isProblemCode(code)).toBe(true);
  });

  it.each(members)('$code is one sentence in one line that names every value', member => {
    const { problem, told } = sample(member);
    const sentence = describe(problem);
    expect(sentence).not.toMatch(/[\n]|undefined|\.$/);
    expect(sentence.length).toBeLessThan(220);
    for (const value of told) expect(sentence).toContain(value);
  });

  it.each(members)('$code ends a command with a status of its kind', member => {
    const status = exitStatus(sample(member).problem);
    const expected: Readonly<Record<string, number>> = {
      'bad-setting': 2,
      'bad-usage': 2,
      'unknown-option': 2,
      'router-running': 3,
      'router-not-running': 7,
    };
    expect(status).toBe(expected[member.code] ?? 1);
  });
});

it('leaves out an address that was not given', () => {
  const problem: Problem = { code: 'not-attached', container: 'box1', address: undefined };
  expect(describe(problem)).toBe('"box1" is not attached; see "mesh status endpoints"');
});

it('knows its own codes only', () => {
  for (const code of ['from-the-future', 'toString', '', 7, undefined])
    expect(isProblemCode(code)).toBe(false);
});

it('tells a value from a refusal', () => {
  expect(ok(5)).toEqual({ ok: true, value: 5 });
  expect(refuse({ code: 'no-host-address' })).toEqual({ ok: false, problem: { code: 'no-host-address' } });
});
