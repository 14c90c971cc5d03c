/**
 * `node examples/gateway.ts`, as root: containers of a mesh reach what lies outside of it through the host that is exposed,
 * and a machine outside reaches a service in a container, wherever that runs. Two hosts of the mesh and a machine that
 * knows nothing of it are network namespaces, and so are the containers. Nothing is left behind.
 */
import type { Host } from '../test/support/lab/host.ts';
import { createLab, type Lab } from '../test/support/lab/lab.ts';
import { LAB_PROGRAMS, type Program } from '../test/support/lab/programs.ts';
import { prepare, say, show, stepsOf } from './steps.ts';

const step = stepsOf(6);
const PROGRAMS: readonly Program[] = [...LAB_PROGRAMS, { command: 'iptables', packages: ['iptables'] }];
const PORT = 8080;

/** A server that tells everybody by which address it sees them. */
const SERVER = `require('net').createServer(s => s.end('you are ' + s.remoteAddress.replace('::ffff:', '') + String.fromCharCode(10))).listen(${PORT})`;
const clientOf = (address: string): string =>
  `const s = require('net').connect(${PORT}, '${address}'); s.setTimeout(5000, () => process.exit(1)); s.pipe(process.stdout)`;

/** Has a server run in a container of the host, or on the host itself; returns when it listens. */
async function serve(host: Host, container?: string): Promise<void> {
  const enter = container === undefined ? [] : ['ip', 'netns', 'exec', container];
  await host.spawn([...enter, process.execPath, '-e', SERVER]);
  await host.succeed([
    'sh',
    '-c',
    `until ${enter.join(' ')} ss -Hltn | grep -q :${PORT}; do sleep 0.1; done`,
  ]);
}

/** Shows what a client prints that connects to `address`. */
async function connect(host: Host, address: string, container?: string): Promise<void> {
  const enter = container === undefined ? [] : ['ip', 'netns', 'exec', container];
  const what = container === undefined ? '' : ` from ${container}`;
  say(`  ${host.name}# connect to ${address}:${PORT}${what}`);
  const answer = await host.succeed([...enter, process.execPath, '-e', clientOf(address)]);
  say(`    ${answer.trim()}`);
}

async function play({ hosts }: Lab): Promise<void> {
  const [host1, host2, outside] = hosts as [Host, Host, Host];
  say(`  ${host1.address} and ${host2.address} are hosts of the mesh, ${outside.address} is not`);

  step(3, 'a mesh of two hosts, and a container on the second');
  await show(host1, 'mesh launch --native');
  await show(host2, 'mesh launch --native 192.168.48.11 --wait');
  await show(host2, 'ip netns add web');
  await show(host2, 'mesh attach 10.32.0.80/12 netns:/run/netns/web');

  step(4, 'the first host gets a leg in the mesh, and reaches the container');
  await show(host1, 'mesh expose 10.32.0.1/12');
  await show(host1, 'ping -c 1 10.32.0.80');
  await show(host1, 'mesh ps');

  step(5, 'out: the container takes the leg for its gateway; outside it is seen as the host');
  await show(host2, 'ip -n web route add default via 10.32.0.1');
  await serve(outside);
  await connect(host2, outside.address, 'web');

  step(6, 'back in: what comes to the host goes to the container on the other one');
  await serve(host2, 'web');
  const rule = `iptables -t nat -A PREROUTING -i eth0 -p tcp --dport ${PORT} -j DNAT --to-destination 10.32.0.80:${PORT}`;
  await show(host1, rule);
  await connect(outside, host1.address);
  await show(host1, 'mesh hide');
}

async function main(): Promise<void> {
  step(1, `programs of the system: ${PROGRAMS.map(({ command }) => command).join(', ')}`);
  prepare('the example', PROGRAMS);
  step(2, 'two hosts and a machine outside: own network, processes, files and host name each');
  const lab = await createLab({ hosts: 3 });
  try {
    await play(lab);
  } finally {
    await lab.destroy();
  }
  say('\nDone: the hosts are gone, and this machine is as it was.');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`gateway: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
