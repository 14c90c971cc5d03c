import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '../support/lab/host.ts';
import type { Figure } from './measure.ts';
import { withMesh } from './stage.ts';

const HOSTS = 3;
/** What a mesh that has just formed still has to say. */
const SETTLE_MS = 20_000;
/** Longer than what comes round every 30 s. */
const COUNTED_MS = 65_000;
const LIMIT_KB = 2;

/** What each host of an idle mesh sends on the underlay, whatever for: gossip, anti-entropy, echoes. */
export function run(): Promise<readonly Figure[]> {
  return withMesh(HOSTS, async ({ members }) => {
    await sleep(SETTLE_MS);
    const before = await Promise.all(members.map(({ host }) => sentBy(host)));
    const started = performance.now();
    await sleep(COUNTED_MS);
    const after = await Promise.all(members.map(({ host }) => sentBy(host)));
    const ms = performance.now() - started;
    const ours = after.map((bytes, index) => (bytes - before[index]!) / ms);
    const names = { bench: 'chatter', unit: 'kB/s a host', against: 'what three hosts may' };
    const theirs = ours.map(() => LIMIT_KB);
    return [{ ...names, ours, theirs, percentile: 100, limited: 'value', limit: LIMIT_KB, must: 'at-most' }];
  });
}

/** Bytes that left by the device that has the host's address. */
async function sentBy(host: Host): Promise<number> {
  const [{ ifname }] = JSON.parse(
    await host.succeed(['ip', '-json', 'address', 'show', 'to', host.address]),
  ).filter((device: { ifname?: string }) => device.ifname !== undefined) as [{ ifname: string }];
  const [{ stats64 }] = JSON.parse(
    await host.succeed(['ip', '-json', '-statistics', 'link', 'show', 'dev', ifname]),
  ) as [{ stats64: { tx: { bytes: number } } }];
  return stats64.tx.bytes;
}
