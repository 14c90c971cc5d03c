import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpHost } from '../support/lab/dump.ts';
import { buildFaultyRouters, type Fault, type FaultyRouters } from '../support/lab/faulty.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { hostTraces, type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/**
 * A router may be killed anywhere. Each test plays one command again and again, and kills the router after the first thing it
 * does, then after the second ..., until the command is through; what the next start makes of it is compared with dumps of
 * runs that nobody disturbed.
 */

const BOX = 'netns:/run/netns/box1';
const ATTACH = ['attach', '10.0.0.11/24', BOX];
const DETACH = ['detach', BOX];
/** Enough for any command; one that never gets through is a failure. */
const MOST_POINTS = 60;

let lab: Lab;
let one: Host;
let two: Host;
let faulty: FaultyRouters;

const dump = async () => (await Promise.all([one, two].map(dumpHost))).join('');
/** Starts the real router; gives its process number. */
async function launch(host: Host, peer: Host): Promise<string> {
  const said = await type(host, `mesh launch --native ${peer.address}`);
  return /process (\d+)/.exec(said)?.[1] ?? said;
}
const isOneLine = (text: string) => /^mesh: [^\n]+\n$/.test(text);

/** Waits until the dump is one of `allowed`, and gives it. */
async function settles(what: string, ...allowed: readonly string[]): Promise<string> {
  let last = '';
  return until(
    async () => {
      last = await dump();
      return allowed.includes(last) ? last : undefined;
    },
    () => `${what}\n${difference(allowed[0] ?? '', last)}`,
  );
}

/** The lines that only one of two texts has. */
function difference(wanted: string, found: string): string {
  const [left, right] = [wanted.split('\n'), found.split('\n')];
  const missing = left.filter(line => !right.includes(line)).map(line => `- ${line}`);
  return [...missing, ...right.filter(line => !left.includes(line)).map(line => `+ ${line}`)].join('\n');
}

/** A router on host 1 that has joined, is armed, and is told `command`; gives after what it was killed. */
async function playFaulty(fault: Fault, command: readonly string[]): Promise<string | undefined> {
  await type(one, 'mesh stop');
  const router = await faulty.start(one, [two.address], fault);
  await until(
    async () => /established/.test(await type(one, 'mesh status connections')) || undefined,
    () => 'no connection',
  );
  await router.arm();
  const { status, stderr } = await one.mesh(command);
  // Once the answer is out, the command is through: what kills it then is something that it does by itself.
  if (status === 0) {
    await router.kill();
    return undefined;
  }
  const killed = await until(
    () => router.killedAfter(),
    () => `not killed, but: ${stderr}`,
  );
  expect([status, isOneLine(stderr)], stderr).toEqual([status === 7 ? 7 : 1, true]);
  await router.ended;
  return killed;
}

/** Waits until host 1 is as it was: what a kill leaves behind of a command takes a moment to end. */
async function leavesNothing(what: string, before: string): Promise<void> {
  let last = '';
  await until(
    async () => {
      last = await hostTraces(one);
      return last === before || undefined;
    },
    () => `${what}\n${difference(before, last)}`,
  );
}

/** Kills the router at every point of attach and of detach in turn; gives after what it was killed. */
async function playAll(kind: Fault['kind'], attached: string, detached: string) {
  const killed: Record<'attach' | 'detach', string[]> = { attach: [], detach: [] };
  const play = async (verb: 'attach' | 'detach', number: number) => {
    const command = verb === 'attach' ? ATTACH : DETACH;
    const after = await playFaulty({ kind, number }, command);
    const title = `${verb} killed after ${kind} ${number}, ${after}`;
    await launch(one, two);
    await settles(`${title}, before it is repeated`, attached, detached);
    const again = await one.mesh(command);
    // A detachment that was through before the kill is refused the second time.
    if (verb === 'attach') expect(again.stdout, title).toBe('10.0.0.11\n');
    await settles(title, verb === 'attach' ? attached : detached);
    if (after !== undefined) killed[verb].push(after);
    return after !== undefined;
  };
  let [attaching, detaching] = [true, true];
  for (let number = 1; attaching || detaching; number += 1) {
    expect(number).toBeLessThan(MOST_POINTS);
    if (attaching) attaching = await play('attach', number);
    else await type(one, `mesh ${ATTACH.join(' ')}`);
    if (detaching) detaching = await play('detach', number);
    else await type(one, `mesh ${DETACH.join(' ')}`);
  }
  return killed;
}

async function restart(host: Host, peer: Host): Promise<string> {
  await type(host, 'mesh stop');
  return launch(host, peer);
}

const answers = async (host: Host) => (await host.mesh(['status'])).status === 0;

const established = (host: Host) =>
  until(
    async () => /established/.test(await type(host, 'mesh status connections')) || undefined,
    () => `${host.name} has no connection`,
  );

/** Two dumps in a row that are the same and have `address` on both hosts: the measure of all that follow. */
async function stableWith(address: string): Promise<string> {
  let last = '';
  return until(
    async () => {
      const now = await dump();
      const same = now === last && now.split(`"address": "${address}"`).length === 3;
      last = now;
      return same ? now : undefined;
    },
    () => last,
  );
}

describe('a router that is killed', () => {
  let before: string;
  let attached: string;
  let detached: string;

  beforeAll(async () => {
    faulty = await buildFaultyRouters();
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    await one.addNamespace('box1');
    // The kernel takes a second or two to find that nobody else has an IPv6 address.
    await until(
      async () => !(await type(one, 'ip -6 address')).includes('tentative') || undefined,
      () => 'an address is still tentative',
    );
    before = await hostTraces(one);
    await launch(two, one);
    await launch(one, two);
    await established(two);
    await two.addNamespace('box2');
    await type(two, 'mesh attach 10.0.0.12/24 netns:/run/netns/box2');
    await type(one, `mesh ${ATTACH.join(' ')}`);
    attached = await stableWith('10.0.0.11');
    await type(one, `mesh ${DETACH.join(' ')}`);
    detached = await stableWith('10.0.0.12');
    expect(attached).toMatch(/ethmesh[\s\S]*10\.0\.0\.11\/24/);
    expect(detached).not.toContain('10.0.0.11/24');
  });
  afterAll(async () => {
    await lab?.destroy();
    faulty?.remove();
  });

  it('after any effect of attach and detach, leaves what a fresh one does', {
    timeout: 400_000,
  }, async () => {
    const killed = await playAll('effect', attached, detached);
    const always = ['persist', 'broadcast', 'reply'];
    expect(killed.attach).toEqual(expect.arrayContaining([...always, 'plumb', 'follow']));
    expect(killed.detach).toEqual(expect.arrayContaining([...always, 'unplumb']));
  });

  it('between any two batches to the kernel, too', { timeout: 400_000 }, async () => {
    const killed = await playAll('netlink', attached, detached);
    expect(killed.attach.length).toBeGreaterThan(3);
    expect(killed.detach.length).toBeGreaterThan(1);
  });

  it('while the router of another host is killed, too', async () => {
    let second = await restart(two, one);
    for (const [command, wanted] of [ATTACH, DETACH].map(
      (each, index) => [each, [attached, detached][index]!] as const,
    )) {
      await Promise.all([type(one, `mesh ${command.join(' ')}`), type(two, `kill -9 ${second}`)]);
      second = await launch(two, one);
      await settles(`${command[0]} while the other router is killed`, wanted);
    }
    const first = await restart(one, two);
    const [{ status }] = await Promise.all([
      one.mesh(ATTACH),
      type(one, `kill -9 ${first}`),
      type(two, `kill -9 ${second}`),
    ]);
    await launch(one, two);
    await launch(two, one);
    await settles(
      'attach while both routers are killed',
      ...(status === 0 ? [attached] : [attached, detached]),
    );
    await type(one, `mesh ${ATTACH.join(' ')}`);
    await settles('attach after both routers were killed', attached);
  });

  it('while it is stopped', async () => {
    for (const delay of [0, 0.05, 0.1]) {
      const pid = await restart(one, two);
      await type(one, `mesh stop & sleep ${delay}; kill -9 ${pid}; wait $!`);
      await launch(one, two);
      await settles(`stop, and kill after ${delay} s`, attached);
    }
  });

  it('at any point of its launch', { timeout: 400_000 }, async () => {
    // With the facts, since an identity alone is not taken up again; addresses in the dumps come of it.
    await type(
      one,
      `mesh detach ${BOX} || true; mesh stop; mkdir /root/keep; cp -r /var/lib/mesh/. /root/keep`,
    );
    let points = 0;
    for (; ; points += 1) {
      expect(points).toBeLessThan(MOST_POINTS);
      await type(one, 'mesh reset; cp -r /root/keep/. /var/lib/mesh');
      const fault: Fault = { kind: 'netlink', number: points + 1, fromStart: true };
      const router = await faulty.start(one, [two.address], fault);
      await until(
        async () => (router.killedAfter() ?? (await answers(one))) || undefined,
        () => 'neither killed nor up',
      );
      const after = router.killedAfter();
      await router.kill();
      if (after === undefined) break;
      const title = `launch killed after netlink ${points + 1}, ${after}`;
      if (points % 2 === 0) await type(one, 'mesh reset');
      else {
        await launch(one, two);
        await settles(title, detached);
        await type(one, 'mesh reset');
      }
      await leavesNothing(title, before);
    }
    expect(points).toBeGreaterThan(5);
  });

  it('at any point of a reset, which is gone through with all the same', { timeout: 400_000 }, async () => {
    await type(one, 'mesh reset');
    const killed: string[] = [];
    for (let number = 1; number < MOST_POINTS; number += 1) {
      const router = await faulty.start(one, [two.address], { kind: 'effect', number });
      await established(one);
      // Where the router dies before it has told the others, they go on taking the address for held.
      await type(one, `mesh attach 10.0.0.${100 + number}/24 ${BOX}`);
      await router.arm();
      await type(one, 'mesh reset');
      const after = router.killedAfter();
      await router.kill();
      await leavesNothing(`reset with the router killed after ${after}`, before);
      if (after === undefined) break;
      killed.push(after);
    }
    expect(killed).toEqual(expect.arrayContaining(['persist', 'broadcast', 'unplumb', 'reply']));
  });

  it('and a reset that is killed itself is gone through with by the next', async () => {
    for (const seconds of [0.1, 0.2, 0.3, 0.4]) {
      await launch(one, two);
      await type(one, `mesh attach 10.0.0.${200 + seconds * 10}/24 ${BOX}`);
      await one.exec(['timeout', '--signal=KILL', String(seconds), 'mesh', 'reset']);
      await type(one, 'mesh reset');
      await leavesNothing(`reset killed after ${seconds} s`, before);
    }
  });
});
