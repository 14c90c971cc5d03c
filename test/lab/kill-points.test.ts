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

const dump = async () => `${await dumpHost(one)}${await dumpHost(two)}`;
const launch = (host: Host, peer: Host) => type(host, `mesh launch --native ${peer.address}`);
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
  const killed = router.killedAfter();
  if (killed === undefined) expect(status, stderr).toBe(0);
  else expect([status, isOneLine(stderr)], stderr).toEqual([status === 7 ? 7 : 1, true]);
  await router.kill();
  return killed;
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

describe('a router that is killed', () => {
  let before: string;
  let attached: string;
  let detached: string;

  beforeAll(async () => {
    faulty = await buildFaultyRouters();
    lab = await createLab({ hosts: 2 });
    [one, two] = lab.hosts as [Host, Host];
    await one.addNamespace('box1');
    before = await hostTraces(one);
    await launch(two, one);
    await launch(one, two);
    await until(
      async () => /established/.test(await type(two, 'mesh status connections')) || undefined,
      () => 'no connection',
    );
    await type(two, `ip netns add box2; mesh attach 10.0.0.12/24 netns:/run/netns/box2`);
    await type(one, `mesh ${ATTACH.join(' ')}`);
    // The first dump to stand still is the measure of all that follow.
    attached = await stable();
    await type(one, `mesh ${DETACH.join(' ')}`);
    detached = await stable();
    expect(attached).toMatch(/ethmesh[\s\S]*10\.0\.0\.11\/24/);
    expect(detached).not.toContain('10.0.0.11/24');
  });
  afterAll(async () => {
    await lab?.destroy();
    faulty?.remove();
  });

  async function stable(): Promise<string> {
    let last = '';
    return until(
      async () => {
        const now = await dump();
        const same = now === last && now.split('"address": "10.0.0.12"').length === 3;
        last = now;
        return same ? now : undefined;
      },
      () => last,
    );
  }

  it('after any effect of attach and detach, leaves what a fresh one does', { timeout: 300_000 }, async () => {
    const killed = await playAll('effect', attached, detached);
    console.log(killed);
    expect(new Set(killed.attach)).toEqual(
      new Set(['plumb', 'persist', 'broadcast', 'forward', 'follow', 'reply']),
    );
    expect(new Set(killed.detach)).toEqual(
      new Set(['persist', 'broadcast', 'forward', 'unplumb', 'reply']),
    );
  });

  it('between any two batches to the kernel', { timeout: 300_000 }, async () => {
    const killed = await playAll('netlink', attached, detached);
    console.log(killed);
    expect(killed.attach.length).toBeGreaterThan(3);
    expect(killed.detach.length).toBeGreaterThan(1);
  });
});
