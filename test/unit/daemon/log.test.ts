import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLog, type LogLevel } from '../../../src/daemon/log.ts';
import { openLogFile } from '../../../src/daemon/log-file.ts';

function capture(level: LogLevel = 'debug') {
  const lines: string[] = [];
  return { lines, log: createLog({ level, write: line => void lines.push(line) }) };
}

describe('log', () => {
  test('writes time, level, subsystem, sentence and data', () => {
    const { lines, log } = capture();
    log
      .child('store')
      .child('journal')
      .warn('dropped a torn tail', { bytes: 12, path: '/a b', list: ['x', 1] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z warn {2}store:journal: dropped a torn tail bytes=12 path="\/a b" list=\["x",1\]\n$/,
    );
  });

  test('leaves out what is below its level', () => {
    const { lines, log } = capture('warn');
    log.debug('a');
    log.info('b');
    log.child('x').info('c');
    log.error('d');
    expect(lines.map(line => line.at(-2))).toEqual(['d']);
  });

  test('data can neither pose as the sentence nor start a line nor steer a terminal', () => {
    const { lines, log } = capture();
    log.info('joined %s\nforged', {
      msg: 'other',
      level: 'error',
      time: 0,
      nickname: 'a=b \n\u001b[2J\u009b',
    });
    expect(lines[0]).toMatch(/ info {2}joined %s\\x0aforged msg=other level=error time=0 nickname="a=b /);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  test('tells errors, big numbers and circles', () => {
    const { lines, log } = capture();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    log.error('failed', { why: new Error('boom'), count: 10n, circle });
    log.error('failed', new TypeError('whole'));
    expect(lines[0]).toContain('why="Error: boom" count=10 circle=');
    expect(lines[1]).toContain('error="TypeError: whole"');
  });

  test('survives a sink that throws', () => {
    const log = createLog({
      level: 'info',
      write: () => {
        throw new Error('ENOSPC');
      },
    });
    expect(() => log.info('a')).not.toThrow();
  });
});

describe('log file', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mst-log-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps the limit with one predecessor and loses nothing between the two', () => {
    const path = join(directory, 'router.log');
    const file = openLogFile(path, 100);
    for (let line = 0; line < 50; line += 1) file.write(`line number ${line}\n`);
    file.close();
    const text = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8');
    expect(statSync(path).size).toBeLessThanOrEqual(100);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(100);
    const numbers = [...text.matchAll(/line number (\d+)\n/g)].map(match => Number(match[1]));
    expect(numbers.at(-1)).toBe(49);
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  });

  test('goes on where an earlier router ended', () => {
    const path = join(directory, 'router.log');
    for (const word of ['first\n', 'second\n']) {
      const file = openLogFile(path);
      file.write(word);
      file.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('never throws, and counts what was lost once it can write again', () => {
    const path = join(directory, 'later', 'router.log');
    const file = openLogFile(path);
    file.write('lost\n');
    file.write('lost too\n');
    execFileSync('mkdir', [join(directory, 'later')]);
    file.write('kept\n');
    file.close();
    expect(readFileSync(path, 'utf8')).toMatch(/^\S+ warn {2}log: lines were lost count=2\nkept\n$/);
  });
});
