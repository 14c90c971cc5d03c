import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '../support/lab/command.ts';
import type { Host } from '../support/lab/host.ts';
import { startProbe } from '../support/lab/probe.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';
import { startCapture } from '../support/vm/capture.ts';
import {
  BOXES,
  createEncryptedMesh,
  type EncryptedMesh,
  killRouter,
  LAUNCH,
  pathTo,
  reaches,
} from '../support/vm/encrypted-mesh.ts';

const MODULE_BLOCKED = '/etc/modprobe.d/mesh-test.conf';
/** WireGuard agrees on new keys when those are so old. */
const REKEY_MS = 120_000;

async function handshake(host: Host): Promise<number> {
  const shown = await type(host, 'nsenter --net=/run/mesh/switch wg show mesh-wg latest-handshakes');
  return Number(shown.trim().split('\t')[1]);
}

describe('a mesh with a password, in trouble', () => {
  let mesh: EncryptedMesh;

  beforeAll(async () => {
    mesh = await createEncryptedMesh();
  });
  afterAll(async () => {
    rmSync(MODULE_BLOCKED, { force: true });
    await mesh?.lab.destroy();
  });

  it('loses nothing to a router that is killed and comes back', async () => {
    const { one, two, readable } = mesh;
    const capture = await startCapture(two);
    const probe = await startProbe(one, 'box', BOXES[1], undefined, 50);
    await killRouter(one);
    await type(one, `${LAUNCH} ${two.address}`);
    await pathTo(one, two, ({ mtu }) => mtu === 1_390);
    const { sent, answered } = await probe.stop();
    expect(sent - answered).toBeLessThanOrEqual(1);
    expect(readable(await capture.stop())).toEqual([]);
  });

  it('sends nothing while the module is gone, says so, and goes on when it is back', async () => {
    const { one, two, readable } = mesh;
    const capture = await startCapture(two);
    writeFileSync(MODULE_BLOCKED, 'install wireguard /bin/false\n');
    await succeed(['modprobe', '--remove', 'wireguard']);
    expect(await reaches(one)).toBe(false);
    const { why } = await pathTo(one, two, ({ why: said }) => said?.includes('WireGuard') === true);
    expect(why).toMatch(/^(this|its) kernel has no WireGuard: nothing is sent unprotected$/);
    expect(await reaches(one)).toBe(false);
    rmSync(MODULE_BLOCKED);
    await pathTo(one, two, ({ mtu, protection }) => mtu !== undefined && protection === 'encrypted');
    await until(
      async () => (await reaches(one)) || undefined,
      () => 'containers reach each other again',
    );
    expect(readable(await capture.stop())).toEqual([]);
  });

  it('changes its keys without losing anything, also while no router runs', async () => {
    const { one } = mesh;
    await killRouter(one);
    const before = await handshake(one);
    expect(before).toBeGreaterThan(0);
    const probe = await startProbe(one, 'box', BOXES[1], undefined, 100);
    await sleep(REKEY_MS + 10_000);
    expect(await handshake(one)).toBeGreaterThan(before);
    const { sent, answered } = await probe.stop();
    expect(sent - answered).toBeLessThanOrEqual(1);
  }, 200_000);
});
