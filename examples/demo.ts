/**
 * `./mesh demo`: three hosts on this machine, each with a router, become one network. Hosts are network namespaces,
 * and so are the containers, so it takes no Docker. It stays up until Ctrl-C, `--once` ends it when all was shown;
 * either way nothing is left behind.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Host } from '../test/support/lab/host.ts';
import { createLab, type Lab } from '../test/support/lab/lab.ts';
import { LAB_PROGRAMS } from '../test/support/lab/programs.ts';
import { prepare, say, show, stepsOf } from './steps.ts';

const STEPS = 6;
const SETTLED_WITHIN_MS = 15_000;

const step = stepsOf(STEPS);

/** Waits until a router has measured the paths to both others. */
async function settle(host: Host): Promise<void> {
  const deadline = performance.now() + SETTLED_WITHIN_MS;
  while (performance.now() < deadline) {
    const { stdout } = await host.exec(['mesh', 'status', 'connections']);
    if (stdout.split('\n').filter(line => line.includes(' established ')).length >= 2) return;
    await sleep(100);
  }
}

async function play({ hosts }: Lab): Promise<void> {
  const [host1, host2, host3] = hosts as [Host, Host, Host];
  for (const { name, address } of hosts) say(`  ${name} has the address ${address}`);

  step(3, 'a router on each host; an address of any other router joins it');
  await show(host1, 'mesh launch --native');
  await show(host2, 'mesh launch --native 192.168.48.11');
  await show(host3, 'mesh launch --native 192.168.48.12');

  step(4, 'a container on host1 and one on host3 (namespaces stand in for them)');
  await show(host1, 'ip netns add box1');
  await show(host1, 'mesh attach 10.0.0.11/24 netns:/run/netns/box1');
  await show(host3, 'ip netns add box2');
  await show(host3, 'mesh attach 10.0.0.12/24 netns:/run/netns/box2');

  step(5, 'from one container to the other');
  await show(host1, 'ip netns exec box1 ping -c 2 10.0.0.12');
  await show(host3, 'ip netns exec box2 ping -c 2 10.0.0.11');

  step(6, 'what a router knows');
  await settle(host1);
  for (const view of ['connections', 'peers', 'endpoints']) await show(host1, `mesh status ${view}`);
}

async function stayUp({ hosts }: Lab): Promise<void> {
  say('\nThe three hosts are up. To look around on one of them, in another terminal, as root:');
  for (const { name, pid } of hosts) say(`  ${name}: nsenter --all --wdns=/root --target ${pid} bash`);
  say('Ctrl-C ends them; nothing is left behind.');
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  say();
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  step(1, `programs of the system: ${LAB_PROGRAMS.map(({ command }) => command).join(', ')}`);
  prepare('the demo', LAB_PROGRAMS);
  step(2, 'three hosts on this machine: own network, processes, files and host name each');
  const lab = await createLab({ hosts: 3 });
  try {
    await play(lab);
    if (!values.once) await stayUp(lab);
  } finally {
    await lab.destroy();
  }
  say('\nDone: the hosts are gone, and this machine is as it was.');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`mesh demo: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
