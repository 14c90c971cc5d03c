import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call } from '../../src/api/control/client.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** Three honest routers, and a fourth host that attacks one of them. The honest must hardly notice. */

const ATTACKER = join(import.meta.dirname, '../support/lab/attacker.ts');
const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');
const ANSWER_MS = 1_000;
const GROWTH_KIB = 192 * 1024;
const TRIES = 3;

let lab: Lab;
const host = (number: number): Host => lab.hosts[number - 1]!;
const routerOf = async (who: Host): Promise<string> =>
  (await type(who, 'pgrep -f dist/daemon.js | head -1')).trim();
const log = (who: Host): Promise<string> => type(who, 'cat /var/lib/mesh/router.log');

async function memory(who: Host): Promise<number> {
  const status = await type(who, `cat /proc/${await routerOf(who)}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
}

/** Asks a router again and again how it is; gives how long the slowest answer took. */
function question(who: Host): () => Promise<number> {
  let over = false;
  let slowest = 0;
  const asking = (async () => {
    while (!over) {
      const began = performance.now();
      const answer = await call(`/proc/${who.pid}/root/run/mesh/mesh.sock`, 'GET', '/health');
      if (!answer.ok) throw new Error(`${who.name} gave no answer: ${answer.problem.code}`);
      slowest = Math.max(slowest, performance.now() - began);
      await sleep(20);
    }
  })();
  return async () => {
    over = true;
    await asking;
    return slowest;
  };
}

interface Ordeal {
  readonly slowest: number;
  readonly lost: string;
  readonly growth: number;
  /** What the router that was attacked said of it. */
  readonly said: readonly string[];
}

async function endure(attack: string, reason: RegExp | undefined): Promise<Ordeal> {
  const before = await memory(host(1));
  const heard = (await log(host(1))).length;
  const ping = await host(1).spawn(['ip', 'netns', 'exec', 'box1', 'ping', '-i', '0.02', '10.0.0.12']);
  const asked = [host(1), host(2)].map(question);
  const { status, stdout, stderr } = await host(4).exec([NODE, ATTACKER, attack, `${host(1).address}:6783`]);
  const slowest = Math.max(...(await Promise.all(asked.map(stop => stop()))));
  const { stdout: pings } = await ping.stop('INT');
  expect([status, stdout], stderr).toEqual([0, 'through\n']);
  const since = async (): Promise<string[]> => (await log(host(1))).slice(heard).split('\n');
  // The sender may notice before the log has it.
  const said = await until(
    async () => {
      const lines = await since();
      return reason === undefined || lines.some(line => reason.test(line)) ? lines : undefined;
    },
    () => `nothing was said that is ${reason}`,
  );
  return {
    slowest,
    lost: /(\d+)% packet loss/.exec(pings)?.[1] ?? pings,
    growth: (await memory(host(1))) - before,
    said: said.filter(line => /given up|was refused/.test(line)),
  };
}

beforeAll(async () => {
  lab = await createLab({ hosts: 4 });
  await type(host(1), 'mesh launch --native');
  for (const number of [2, 3]) await type(host(number), `mesh launch --native ${host(1).address}`);
  for (const number of [1, 2]) {
    const name = await host(number).addNamespace(`box${number}`);
    await type(host(number), `mesh attach 10.0.0.1${number}/24 ${name}`);
  }
  await until(
    async () =>
      (await host(1).exec(['ip', 'netns', 'exec', 'box1', 'ping', '-c1', '-W1', '10.0.0.12'])).status === 0 ||
      undefined,
    () => 'no way between the containers',
  );
});
afterAll(() => lab?.destroy());

describe('an attack by a member', () => {
  it.each<[string, RegExp | undefined]>([
    ['no message', /sent bytes that are no message/],
    ['unsigned', /refused: bad-signature/],
    ['altered', /refused: bad-signature/],
    ['written as someone else', /refused: not-owner|refused: bad-signature/],
    ['replayed', /more messages than a router ever has to/],
    ['many messages', /more messages than a router ever has to/],
    ['many questions', /asked more often than a router ever has to/],
    ['many bytes', /more bytes than a router ever has to/],
    ['many subscriptions', /it sent gossip of \d+ bytes at once/],
    ['many connections', undefined],
    ['much news', undefined],
  ])(
    '%s: hardly noticed, told once, and the sender has to go',
    async (attack, reason) => {
      let best = Number.POSITIVE_INFINITY;
      const all: string[] = [];
      // Other work on this machine makes answers slower, never faster: what counts is the best of a few attacks.
      for (let tries = 0; tries < TRIES && best > ANSWER_MS; tries++) {
        const { slowest, lost, growth, said } = await endure(attack, reason);
        expect(lost).toBe('0');
        expect(growth).toBeLessThan(GROWTH_KIB);
        best = Math.min(best, slowest);
        all.splice(0, all.length, ...said);
      }
      expect(best).toBeLessThan(ANSWER_MS);
      if (reason !== undefined)
        expect(
          all.filter(line => reason.test(line)),
          all.join('\n'),
        ).toHaveLength(1);
    },
    180_000,
  );

  it('leaves the honest in agreement, and able to go on', async () => {
    const name = await host(3).addNamespace('box3');
    await type(host(3), `mesh attach 10.0.0.13/24 ${name}`);
    for (const number of [1, 2, 3]) {
      await until(
        async () => (await type(host(number), 'mesh status endpoints')).includes('10.0.0.13') || undefined,
        () => `host${number} has not heard of box3`,
      );
    }
    expect(await type(host(1), 'mesh status connections')).toMatch(/host2[\s\S]*host3|host3[\s\S]*host2/);
  });
});

describe('frames from a host off the mesh', () => {
  it('do not get into the container network, and are counted', async () => {
    const socket = `/proc/${host(1).pid}/root/run/mesh/mesh.sock`;
    const dropped = async (): Promise<number> => {
      const report = await ask(socket, 'dataplane');
      return report.ok ? (report.value.counters.strangers ?? Number.NaN) : Number.NaN;
    };
    const received = async (): Promise<number> =>
      JSON.parse(await type(host(1), 'ip -netns box1 -s -j link show ethmesh'))[0].stats64.rx.packets;
    const [droppedBefore, receivedBefore] = [await dropped(), await received()];
    const mac = (await type(host(1), 'ip netns exec box1 cat /sys/class/net/ethmesh/address')).trim();
    const frames = 200;
    // VXLAN: the flag that says that there is a VNI, the VNI 6784; then an Ethernet frame for box1 (RFC 7348).
    const program = `const s = require('dgram').createSocket('udp4');
      const inner = Buffer.concat([Buffer.from('${mac}'.replaceAll(':', '') + '020000000001' + '88b5', 'hex'), Buffer.alloc(50)]);
      const frame = Buffer.concat([Buffer.from([8, 0, 0, 0, 0, 0x1a, 0x80, 0]), inner]);
      let left = ${frames};
      const next = () => left-- === 0 ? s.close() : s.send(frame, 6784, '${host(1).address}', () => setTimeout(next, 1));
      next();`;
    await host(4).succeed([NODE, '-e', program]);
    await until(
      async () => ((await dropped()) - droppedBefore >= frames ? true : undefined),
      () => 'the frames among those that were dropped',
    );
    expect((await received()) - receivedBefore).toBeLessThan(frames / 2);
  });
});
