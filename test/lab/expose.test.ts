import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/api/control/client.ts';
import type { Report } from '../../src/core/report.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab, type Lab } from '../support/lab/lab.ts';
import { startProbe } from '../support/lab/probe.ts';
import { expectRefused } from '../support/lab/refusals.ts';
import { hostTraces, type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';

/** The legs of hosts: three of a mesh with real routers, and a machine outside of it on the same underlay. */

const BOX = 'netns:/run/netns/box';
const PORT = 8080;
const LAUNCH = 'mesh launch --native --ipalloc-timeout 2';

/** The router's control socket, as it is reached from here. */
const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;
/** News of a container takes a moment to get to other hosts. */
const reaches = (host: Host, from: string, address: string): Promise<unknown> =>
  until(
    async () => !(await fails(host, `ip netns exec ${from} ping -q -c 1 -W 2 ${address}`)) || undefined,
    () => `${from} of ${host.name} does not reach ${address}`,
  );
const fails = async (host: Host, line: string): Promise<boolean> =>
  (await host.exec(['sh', '-c', line])).status !== 0;
/** Of traces: tables come in the order in which they were made, and the list of peers follows the mesh. */
const linesOf = (traces: string): readonly string[] =>
  traces
    .split('\n')
    .filter(line => !line.includes('elements'))
    .sort();
const legIndex = (host: Host): Promise<string> => type(host, 'ip -o link show mesh | cut -d: -f1');

/** Starts a server that tells everybody by which address it sees them; `enter` leads to its namespace. */
async function serve(host: Host, enter: readonly string[] = []): Promise<void> {
  const script = `require('net').createServer(s => s.end(s.remoteAddress.replace('::ffff:', ''))).listen(${PORT})`;
  await host.spawn([...enter, process.execPath, '-e', script]);
  const open = `${enter.join(' ')} ss -Hltn sport = :${PORT} | grep -q .`;
  await until(
    async () => !(await fails(host, open)) || undefined,
    () => 'the server does not listen',
  );
}

/** By which address the server at `address` sees whoever runs this. */
function seenAs(host: Host, address: string, enter: readonly string[] = []): Promise<string> {
  const script = `const s = require('net').connect(${PORT}, '${address}'); s.setTimeout(3000, () => process.exit(1)); s.pipe(process.stdout)`;
  return host.succeed([...enter, process.execPath, '-e', script]);
}

const inBox = ['ip', 'netns', 'exec', 'box'];

describe('a host with a leg in the mesh', () => {
  let lab: Lab;
  let one: Host;
  let two: Host;
  let three: Host;
  let outside: Host;
  let gate: string;
  let before: string;
  const given: string[] = [];

  beforeAll(async () => {
    lab = await createLab({ hosts: 4 });
    [one, two, three, outside] = lab.hosts as [Host, Host, Host, Host];
    for (const host of [one, two, three]) await host.addNamespace('box');
    await type(one, 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    // As an engine leaves it that turned forwarding on itself.
    await type(one, 'iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER');
    await type(one, 'iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -j DOCKER');
    await type(one, LAUNCH);
    for (const host of [two, three]) await type(host, `${LAUNCH} 192.168.48.11 --wait`);
    for (const host of [one, two, three]) given.push((await type(host, `mesh attach ${BOX}`)).trim());
    before = await hostTraces(one);
    await serve(outside);
  });
  afterAll(() => lab?.destroy());

  it('has none, and says so, where nothing was exposed or what was asked for can not be', async () => {
    await expectRefused(
      one,
      {
        command: 'mesh hide',
        status: 1,
        says: 'this host is not exposed; "mesh ps mesh:expose" shows with what it is',
      },
      {
        command: 'mesh hide 10.32.0.9/12',
        status: 1,
        says: 'this host is not exposed with 10.32.0.9/12; "mesh ps mesh:expose" shows with what it is',
      },
      {
        command: `mesh expose ${given[1]}/12`,
        status: 1,
        says: `${given[1]} is held by box on host2; take another, or detach it there`,
      },
      {
        command: 'mesh expose net:10.48.0.0/16',
        status: 1,
        says: '10.48.0.0/16 lies outside of 10.32.0.0/12, which is what the mesh gives out',
      },
      {
        command: 'mesh expose 10.47.255.254/12',
        status: 1,
        says: "10.47.255.254 can't be given to a container: it is the address of the mesh itself, on every host",
      },
      {
        command: 'mesh expose 192.168.48.99/24',
        status: 1,
        says: '192.168.48.99/24 overlaps with 192.168.48.11/24 (eth0) of this host: what that leads to could not be reached any more; take another',
      },
      {
        command: 'mesh expose 10.32.0.9',
        status: 1,
        says: '"10.32.0.9" is not an address with a prefix; write it like 10.0.0.11/24',
      },
      {
        command: 'mesh expose -h gate.example.org',
        status: 1,
        says: /^"gate\.example\.org" is not in mesh\.internal/,
      },
      {
        command: 'mesh expose -h ga..te',
        status: 1,
        says: /^"ga\.\.te" can't be a name: there is nothing between two dots/,
      },
      {
        command: `mesh expose -h ${'a'.repeat(64)}`,
        status: 1,
        says: /can't be a name: between two dots there are at most 63 characters$/,
      },
      { command: 'mesh expose -h', status: 2, says: /./ },
      {
        command: 'mesh detach mesh:expose',
        status: 1,
        says: '"mesh:expose" is no container but this host itself; "mesh hide" takes its addresses away',
      },
      { command: 'mesh detach mesh', status: 1, says: /./ },
    );
    await type(one, 'ip link add mesh type bridge');
    await expectRefused(one, {
      command: 'mesh expose',
      status: 1,
      says: "this host has an interface mesh that isn't ours; rename or remove it first",
    });
    await type(one, 'ip link delete mesh');
    expect(linesOf(await hostTraces(one))).toEqual(linesOf(before));
  });

  it('gets an address that is free, is reached by and reaches containers of all hosts', async () => {
    expect(await fails(one, `ping -c 1 -W 1 ${given[1]}`)).toBe(true);
    gate = (await type(one, 'mesh expose -h gate')).trim();
    expect(gate).toMatch(/^10\.32\.0\.\d+$/);
    expect(await type(one, 'mesh expose')).toBe(`${gate}\n`);
    for (const address of given) await type(one, `ping -q -c 1 -W 2 ${address}`);
    for (const host of [one, two, three]) await reaches(host, 'box', gate);
    const mac = '0a(:[0-9a-f]{2}){5}';
    expect(await type(one, 'mesh ps mesh:expose')).toMatch(new RegExp(`^mesh:expose ${mac} ${gate}/13\n$`));
    expect(await type(one, 'mesh status')).toContain(`        Exposed: ${gate}/13\n`);
    expect(await type(three, 'mesh status endpoints')).toMatch(
      new RegExp(`${gate}/13 .*mesh:expose .*host1`),
    );
    expect(await type(two, 'mesh dns-lookup gate')).toBe(`${gate}\n`);
  });

  it('takes containers of every host outside, with its own address', async () => {
    for (const host of [one, two, three]) {
      expect(await fails(host, `${inBox.join(' ')} ping -c 1 -W 1 ${outside.address}`)).toBe(true);
      await type(host, `ip -n box route add default via ${gate}`);
      await reaches(host, 'box', outside.address);
      expect(await seenAs(host, outside.address, inBox)).toBe(one.address);
    }
  });

  it('lets in what the user translates, to a container of any host, and its answers out', async () => {
    await type(
      one,
      `iptables -t nat -A PREROUTING -i eth0 -p tcp --dport ${PORT} -j DNAT --to ${given[2]}:${PORT}`,
    );
    await serve(three, inBox);
    expect(await seenAs(outside, one.address)).toBe(gate);
    expect(await seenAs(one, given[2]!)).toBe(gate);
  });

  it('stays the same, and passes on, while its router is killed and starts again', async () => {
    const index = await legIndex(one);
    const probe = await startProbe(two, 'box', outside.address);
    const health = await ask(socketOf(one), 'health');
    await type(one, `kill -9 ${health.ok && health.value.pid}; sleep 0.5; ${LAUNCH} 192.168.48.12 --wait`);
    await type(one, `mesh stop; ${LAUNCH} 192.168.48.12 --wait`);
    const { sent, answered } = await probe.stop();
    expect(sent - answered).toBe(0);
    expect(await legIndex(one)).toBe(index);
    expect(await seenAs(two, outside.address, inBox)).toBe(one.address);
    expect(await seenAs(outside, one.address)).toBe(gate);
    expect(await type(one, 'mesh expose')).toBe(`${gate}\n`);
  });

  it('has its rules put back where they were flushed', async () => {
    // Meanwhile it stands still, so that it does not put them back before anybody has looked.
    const health = await ask(socketOf(one), 'health');
    const router = health.ok && health.value.pid;
    await type(one, `kill -STOP ${router}; nft flush ruleset; iptables -P FORWARD DROP`);
    await type(one, 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    expect(await fails(two, `${inBox.join(' ')} ping -c 1 -W 1 ${outside.address}`)).toBe(true);
    await type(one, `kill -CONT ${router}`);
    await until(
      async () => !(await fails(two, `${inBox.join(' ')} ping -c 1 -W 1 ${outside.address}`)) || undefined,
      () => 'host1 does not pass on what it did',
    );
    expect(await seenAs(two, outside.address, inBox)).toBe(one.address);
    let mended = '';
    for (const what of [
      'loaded the table ip mesh again: it was gone',
      'added the rule \\"mesh: to its leg\\"',
      'this host did not forward IPv4; turned that on',
    ]) {
      await until(
        async () => {
          mended = await type(one, 'mesh status dataplane --json');
          return mended.includes(what) || undefined;
        },
        () => mended,
      );
    }
  });

  it('is made again after a reboot', async () => {
    // What a reboot leaves of it all: the disk.
    await type(
      one,
      `mesh stop; umount /run/mesh/switch; rm -rf /run/mesh; ip link delete mesh 2>/dev/null; nft flush ruleset
       iptables -P FORWARD DROP; echo 0 > /proc/sys/net/ipv4/ip_forward`,
    );
    await until(
      async () => (await fails(one, 'ip link show mesh')) || undefined,
      () => 'the leg is still there',
    );
    await type(one, `${LAUNCH} 192.168.48.12 --wait`);
    await until(
      async () => !(await fails(one, `ping -c 1 -W 1 ${given[1]}`)) || undefined,
      () => 'host1 has no leg',
    );
    expect(await type(one, 'mesh ps mesh:expose')).toContain(` ${gate}/13\n`);
    for (const host of [two, three]) {
      await reaches(host, 'box', gate);
      expect(await seenAs(host, outside.address, inBox)).toBe(one.address);
    }
  });

  it('may leave addresses as they are, where routes lead back', async () => {
    expect(await type(one, 'mesh expose 10.0.0.1/24 --without-masquerade')).toBe('10.0.0.1\n');
    await three.addNamespace('plain');
    await type(
      three,
      'mesh attach 10.0.0.3/24 netns:/run/netns/plain; ip -n plain route add default via 10.0.0.1',
    );
    await type(outside, `ip route add 10.0.0.0/24 via ${one.address}`);
    const inPlain = ['ip', 'netns', 'exec', 'plain'];
    expect(await seenAs(three, outside.address, inPlain)).toBe('10.0.0.3');
    expect(await seenAs(three, outside.address, inBox)).toBe(one.address);
    expect(await type(one, 'mesh hide 10.0.0.1/24')).toBe('10.0.0.1\n');
    expect(await fails(three, `${inPlain.join(' ')} ping -c 1 -W 1 10.0.0.1`)).toBe(true);
    await type(three, 'mesh detach netns:/run/netns/plain');
  });

  it('leaves no trace when it is hidden, and its address is free', async () => {
    expect(await type(one, 'mesh hide')).toBe(`${gate}\n`);
    expect(await fails(one, 'mesh hide')).toBe(true);
    expect(await type(one, 'mesh ps mesh:expose')).toBe('');
    await until(
      async () => !(await type(two, 'mesh status endpoints')).includes('mesh:expose') || undefined,
      () => 'host2 still shows the leg',
    );
    expect((await ask(socketOf(one), 'held', { owner: 'mesh:expose' })).ok).toBe(true);
    await type(one, 'iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER');
    await type(one, 'iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -j DOCKER');
    expect(linesOf(await hostTraces(one))).toEqual(linesOf(before));
    for (const host of [two, three]) await reaches(host, 'box', given[0]!);
    await type(one, `ip -n box link show ethmesh`);
    await type(two, `mesh attach ${gate}/12 ${BOX}`);
  });

  it('goes with all the rest at a reset', async () => {
    await type(three, 'echo 0 > /proc/sys/net/ipv4/ip_forward; iptables -P FORWARD DROP');
    const clean = await hostTraces(three);
    const address = (await type(three, 'mesh expose')).trim();
    const printed = await type(three, 'mesh reset');
    expect(printed).toContain(`detached ${address}/13 from mesh:expose\n`);
    const left = await hostTraces(three);
    expect(left).not.toContain('mesh:');
    expect(left).not.toContain('masquerade');
    expect(await fails(three, 'ip link show mesh')).toBe(true);
    expect(await type(three, 'cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
    expect(clean).toContain('net.ipv4.ip_forward = 0');
    await until(
      async () => {
        const { endpoints } = JSON.parse(await type(two, 'mesh report')) as Report;
        return !endpoints.some(({ container }) => container === 'mesh:expose') || undefined;
      },
      () => 'host2 still shows the leg',
    );
  });
});
