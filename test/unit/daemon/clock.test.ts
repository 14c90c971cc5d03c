import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/daemon/clock.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('system clock', () => {
  test('goes forward and calls back, not before its time', async () => {
    const start = systemClock.now();
    await new Promise<void>(resolve => systemClock.after(20, resolve));
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(19);
  });

  test('does not call what was called off, nor at once what is far away', async () => {
    const called: string[] = [];
    systemClock.after(1, () => void called.push('called off'))();
    const callOff = systemClock.after(2 ** 40, () => void called.push('far'));
    await new Promise<void>(resolve => systemClock.after(20, resolve));
    callOff();
    expect(called).toEqual([]);
  });
});

describe('fake clock', () => {
  test('runs what is due in order, what that sets up too, and nothing else', () => {
    const clock = createFakeClock();
    const seen: string[] = [];
    const note = (word: string) => () => void seen.push(`${word}@${clock.now()}`);
    clock.after(30, note('c'));
    clock.after(10, note('a'));
    clock.after(10, () => {
      note('b')();
      clock.after(5, note('b2'));
    });
    clock.after(15, note('never'))();
    clock.after(31, note('later'));
    clock.advance(30);
    expect(seen).toEqual(['a@10', 'b@10', 'b2@15', 'c@30']);
    expect(clock.now()).toBe(30);
    expect(clock.waiting()).toBe(1);
  });
});
