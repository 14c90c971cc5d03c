import type { Finding } from '../../src/api/control/finding.ts';

/** One line each, what helps on a line of its own below. */
export function renderFindings(findings: readonly Finding[]): string {
  return findings
    .map(({ level, check, what, cure }) => {
      const line = `${level.padEnd(LEVEL_WIDTH)}${check.padEnd(CHECK_WIDTH)}${what}`;
      return cure === undefined ? line : `${line}\n${' '.repeat(LEVEL_WIDTH + CHECK_WIDTH)}-> ${cure}`;
    })
    .join('\n');
}

const LEVEL_WIDTH = 9;
const CHECK_WIDTH = 13;
