import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectGone, labOf } from '../support/lab/traces.ts';
import { until } from '../support/until.ts';

it('the example of a gateway goes out and back in, and leaves nothing', async () => {
  const file = join(import.meta.dirname, '../../examples/gateway.ts');
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      printed += text;
    });
  }
  const lab = await until(
    () => labOf(child.pid ?? 0),
    () => printed,
    30_000,
  );
  const [status] = await ended;
  expect(status, printed).toBe(0);
  const answers = [...printed.matchAll(/connect to (\S+?):8080.*\n {4}you are (\S+)/g)].map(found =>
    found.slice(1),
  );
  expect(answers).toEqual([
    ['192.168.48.13', '192.168.48.11'],
    ['192.168.48.11', '10.32.0.1'],
  ]);
  await expectGone({ lab, namespaces: [] });
});
