import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { succeed } from '../support/lab/command.ts';
import type { Host } from '../support/lab/host.ts';
import { createLab } from '../support/lab/lab.ts';
import { type } from '../support/lab/shell.ts';
import type { Underlay } from './hand-made.ts';
import type { Figure } from './measure.ts';
import { alternate, makePairs } from './pairs.ts';
import { connected, memberOf } from './stage.ts';
import { type Stream, stream } from './throughput.ts';

/**
 * Run in the machine that test/vm/run boots: TCP between containers on two hosts of a mesh with a password, against VXLAN
 * through WireGuard, both made by hand. Leaves the figures in `$VM_OUT`.
 */

const ROUNDS = 9;
const PORT = 51_820;
const MTU = 1_390;
const OUT = process.env['VM_OUT'];

/** One tunnel with a preshared key, as ours have. */
async function wireguardByHand(hosts: readonly [Host, Host]): Promise<Underlay> {
  const preshared = await type(hosts[0], 'wg genpsk');
  const keys = await Promise.all(
    hosts.map(host => type(host, 'umask 077; wg genkey | tee /root/wg | wg pubkey')),
  );
  const addresses = ['10.91.0.1', '10.91.0.2'] as const;
  for (const [index, host] of hosts.entries()) {
    const other = 1 - index;
    await type(
      host,
      `umask 077; echo '${preshared.trim()}' > /root/psk
       ip link add hand-wg mtu ${MTU + 50} type wireguard
       wg set hand-wg private-key /root/wg listen-port ${PORT} peer ${keys[other]!.trim()} \\
         preshared-key /root/psk allowed-ips ${addresses[other]}/32 endpoint ${hosts[other]!.address}:${PORT}
       ip address add ${addresses[index]}/24 dev hand-wg
       ip link set hand-wg up`,
    );
  }
  return { addresses, mtu: MTU };
}

async function measure(hosts: readonly [Host, Host]): Promise<readonly Figure[]> {
  for (const host of hosts)
    await type(
      host,
      `umask 077; echo correct horse > /root/password
       mesh launch --native --no-dns --no-plugin --password-file /root/password ${hosts[0].address}`,
    );
  const members = await Promise.all(hosts.map(memberOf));
  for (const member of members) await connected(member, 1, 60_000);
  const pairs = await makePairs({ members }, await wireguardByHand(hosts));
  for (const host of hosts)
    for (const { namespace } of [pairs.ours, pairs.byHand])
      await host.spawn(['ip', 'netns', 'exec', namespace, 'iperf3', '--server']);
  const { ours, byHand } = await alternate(ROUNDS, pairs, ({ namespace, addresses }) =>
    stream(hosts[0], namespace, addresses[1]),
  );
  const speeds = (streams: readonly Stream[]) => streams.map(({ gbitPerSecond }) => gbitPerSecond);
  return [
    {
      ...{ bench: 'wireguard', unit: 'Gbit/s', ours: speeds(ours), theirs: speeds(byHand), paired: true },
      ...{
        against: 'VXLAN through WireGuard, made by hand',
        limited: 'ratio',
        limit: 0.95,
        must: 'at-least',
      },
    },
  ];
}

if (OUT === undefined) throw new Error('this is run by "npm run bench -- wireguard"');
await succeed(['modprobe', 'wireguard']);
const lab = await createLab({ hosts: 2 });
try {
  writeFileSync(
    join(OUT, 'figures.json'),
    JSON.stringify(await measure(lab.hosts as unknown as [Host, Host])),
  );
} finally {
  await lab.destroy();
}
