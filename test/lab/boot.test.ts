import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';

let lab: Lab;
let one: Host;

beforeAll(async () => {
  lab = await createLab({ hosts: 1 });
  one = lab.hosts[0]!;
});
afterAll(() => lab?.destroy());

it('a router that starts before its network waits for it', async () => {
  await type(one, 'ip link set eth0 down');
  const launched = one.mesh(['launch', '--native']);
  await type(one, 'sleep 1; ip link set eth0 up');
  const { status, stdout, stderr } = await launched;
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('(host1) runs');
  expect(await type(one, 'mesh report')).toContain('"data": "192.168.48.11:6784"');
});

it('and says so where none comes', async () => {
  await type(one, 'mesh stop; ip link set eth0 down');
  const { status, stderr } = await one.mesh(['launch', '--native']);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /no address of this host was found that others could reach; give one with --host\n$/,
  );
});
