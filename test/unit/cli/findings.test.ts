import { expect, it } from 'vitest';
import { renderFindings } from '../../../cli/render/findings.ts';

it('findings are a line each, and below it what helps', () => {
  expect(
    renderFindings([
      { level: 'problem', check: 'ports', what: 'TCP port 6783 is taken', cure: 'end it' },
      { level: 'ok', check: 'kernel', what: 'the kernel has bridges' },
    ]),
  ).toBe(
    [
      'problem  ports        TCP port 6783 is taken',
      '                      -> end it',
      'ok       kernel       the kernel has bridges',
    ].join('\n'),
  );
});
