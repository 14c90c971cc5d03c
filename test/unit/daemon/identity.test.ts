import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadIdentity } from '../../../src/daemon/identity.ts';
import { createFakeLog } from '../../support/fake-log.ts';

describe('the identity of a host', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'mid-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function load(hasFacts: boolean): Promise<string> {
    const identity = await loadIdentity(directory, hasFacts, createFakeLog());
    return identity.ok ? identity.value.id : identity.problem.code;
  }

  it('stays while there are facts under it', async () => {
    const first = await load(false);
    expect(first).toMatch(/^12D3KooW/);
    expect(await load(true)).toBe(first);
    expect(await load(true)).toBe(first);
  });

  it('is another once the facts are lost: others may hold what the earlier one gave away', async () => {
    const first = await load(false);
    const second = await load(false);
    expect(second).toMatch(/^12D3KooW/);
    expect(second).not.toBe(first);
    expect(await load(true)).toBe(second);
  });

  it('that can not be read is told of while there are facts under it', async () => {
    writeFileSync(join(directory, 'identity.key'), 'nonsense', { mode: 0o600 });
    expect(await load(true)).toBe('state-damaged');
    expect(await load(false)).toMatch(/^12D3KooW/);
  });
});
