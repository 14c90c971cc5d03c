import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectGone, labOf, takeTraces } from '../support/lab/traces.ts';
import { until } from '../support/until.ts';

const checkout = join(import.meta.dirname, '../..');

/** Starts `./mesh demo`; `output` is all that it printed so far. */
function startDemo(...args: readonly string[]) {
  const child = spawn(join(checkout, 'mesh'), ['demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      printed += text;
    });
  }
  return { child, ended, output: () => printed };
}

/** The name of the demo's lab, as soon as it stands. */
const labOfDemo = ({ child, output }: ReturnType<typeof startDemo>) =>
  until(() => labOf(child.pid ?? 0), output, 30_000);

describe('./mesh demo', () => {
  it('shows the mesh, ends by itself with --once, and leaves nothing', async () => {
    const demo = startDemo('--once');
    const lab = await labOfDemo(demo);
    const [status] = await demo.ended;
    expect(status, demo.output()).toBe(0);
    expect(demo.output().match(/, 0% packet loss/g)).toHaveLength(2);
    expect(demo.output()).toMatch(/established +fastdp.*\(host2\)/);
    await expectGone({ lab, namespaces: [] });
  });

  it('stays up until Ctrl-C, and leaves nothing', async () => {
    const demo = startDemo();
    const lab = await labOfDemo(demo);
    await expect.poll(demo.output, { timeout: 60_000 }).toContain('Ctrl-C');
    const pids = [...demo.output().matchAll(/--target (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(3);
    const traces = await takeTraces(lab, pids);
    demo.child.kill('SIGINT');
    const [status] = await demo.ended;
    expect(status, demo.output()).toBe(0);
    expect(demo.output()).toContain('this machine is as it was');
    await expectGone(traces);
  });
});
