import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countResults } from '../../support/results.ts';

describe('the count of a test report', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mesh-results-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const count = (...files: { status: string; tests: string[] }[]) => {
    const path = join(directory, 'report.json');
    const testResults = files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map(test => ({ status: test })),
    }));
    writeFileSync(path, JSON.stringify({ testResults }));
    return countResults(path);
  };

  it('adds up the tests of all files', () => {
    const files = [
      { status: 'passed', tests: ['passed', 'passed'] },
      { status: 'failed', tests: ['passed', 'failed'] },
    ];
    expect(count(...files)).toEqual({ passed: 3, failed: 1 });
  });

  it('counts a test that did not run as failed', () => {
    expect(count({ status: 'passed', tests: ['passed', 'skipped', 'todo'] })).toEqual({
      passed: 1,
      failed: 2,
    });
  });

  it('counts a file that could not be loaded, or whose clean-up failed, as one failure', () => {
    expect(count({ status: 'failed', tests: [] })).toEqual({ passed: 0, failed: 1 });
    expect(count({ status: 'failed', tests: ['passed'] })).toEqual({ passed: 1, failed: 1 });
  });

  it('counts a report that was never written as one failure', () => {
    expect(countResults(join(directory, 'none.json'))).toEqual({ passed: 0, failed: 1 });
  });
});
