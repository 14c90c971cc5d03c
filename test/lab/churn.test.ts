import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { churn, createChurnLab, divide, FAULTS, oneView, UNIVERSE } from '../support/lab/churn.ts';
import type { Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';

/**
 * Five hosts whose addresses come and go while their routers are killed, stopped and cut off, one disk is full, and another
 * drops what was not synced.
 */

const OPERATIONS = 1_000;
const APART_MS = 20_000;

describe('the addresses of five hosts', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await createChurnLab(5);
  });
  afterAll(() => lab?.destroy());

  it('are each held once, and none is lost, whatever befalls the routers', { timeout: 300_000 }, async () => {
    const { counts, duplicates, free, given, lost } = await churn(lab, 1, OPERATIONS);
    expect({ duplicates, lost }).toEqual({ duplicates: [], lost: [] });
    expect(free + given, JSON.stringify(counts)).toBe(UNIVERSE);
    for (const what of [...FAULTS, 'allocated', 'claimed', 'released'])
      expect(counts[what], what).toBeGreaterThan(0);
  });

  it('are given on both sides of a partition, and seen in one way soon after it', {
    timeout: 120_000,
  }, async () => {
    const given = await divide(lab, 2, async () => {
      await sleep(APART_MS);
      return Promise.all(lab.hosts.map(host => type(host, attach(host.name))));
    });
    const reports = await oneView(lab, 60_000);
    expect(new Set(given).size).toBe(lab.hosts.length);
    for (const { endpoints } of reports)
      expect(endpoints.filter(({ conflict }) => conflict !== undefined)).toEqual([]);
  });
});

const attach = (name: string): string => `ip netns add ${name}; mesh attach netns:/run/netns/${name}`;
