import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectNothingLeft } from '../support/lab/traces.ts';

const checkout = join(import.meta.dirname, '../..');

/** Starts `./mesh demo`; `output` is all that it printed so far. */
function startDemo(...args: readonly string[]) {
  const child = spawn('./mesh', ['demo', ...args], { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      printed += text;
    });
  }
  return { child, ended, output: () => printed };
}

describe('./mesh demo', () => {
  it('shows the mesh, ends by itself with --once, and leaves nothing', async () => {
    await expectNothingLeft(async () => {
      const { ended, output } = startDemo('--once');
      const [status] = await ended;
      expect(status, output()).toBe(0);
      expect(output().match(/, 0% packet loss/g)).toHaveLength(2);
      expect(output()).toMatch(/established +fastdp.*\(host2\)/);
      return [];
    });
  });

  it('stays up until Ctrl-C, and leaves nothing', async () => {
    await expectNothingLeft(async () => {
      const { child, ended, output } = startDemo();
      await expect.poll(output, { timeout: 30_000 }).toContain('Ctrl-C');
      child.kill('SIGINT');
      const [status] = await ended;
      expect(status, output()).toBe(0);
      expect(output()).toContain('this machine is as it was');
      return [];
    });
  });
});
