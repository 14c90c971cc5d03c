import type { Host } from '../support/lab/host.ts';
import { type } from '../support/lab/shell.ts';
import { until } from '../support/until.ts';
import type { Figure } from './measure.ts';
import { alternate, makePairs } from './pairs.ts';
import { type Member, withMesh } from './stage.ts';
import { type Stream, stream } from './throughput.ts';

const ROUNDS = 15;

/**
 * TCP between containers on two hosts that only reach one another through a third, by CPU time: our relay, against a VXLAN
 * device made by hand whose datagrams that host forwards as any router does.
 */
export function run(): Promise<readonly Figure[]> {
  return withMesh(3, async mesh => {
    const pairs = await makePairs(mesh);
    const [here, there, between] = mesh.members.map(({ host }) => host) as [Host, Host, Host];
    // Both, since either one lets it tell the others of the direct way, which the control would take from then on.
    const noRedirects = 'net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0';
    await type(between, `sysctl -qw net.ipv4.ip_forward=1 ${noRedirects}`);
    for (const [host, other] of [
      [here, there],
      [there, here],
    ] as const) {
      await type(host, `ip route add ${other.address}/32 via ${between.address}`);
      await type(
        host,
        `nft 'add table ip lab; add chain ip lab in { type filter hook prerouting priority -350; };
          add rule ip lab in ip saddr ${other.address} udp dport 6784 drop'`,
      );
      for (const { namespace } of [pairs.ours, pairs.byHand])
        await host.spawn(['ip', 'netns', 'exec', namespace, 'iperf3', '--server']);
    }
    for (const [from, to] of [
      [mesh.members[0]!, there],
      [mesh.members[1]!, here],
    ] as const)
      await relayed(from, to);
    const { ours, byHand } = await alternate(ROUNDS, pairs, async ({ namespace, addresses }) => {
      const before = await received(between);
      const streamed = await stream(here, namespace, addresses[1]);
      const gbit = ((await received(between)) - before) * 8e-9;
      if (gbit < streamed.gbitPerSecond * streamed.seconds)
        throw new Error(`${namespace} went past the host between`);
      return streamed;
    });
    const perSecond = (streams: readonly Stream[]) => streams.map(({ secondsPerGbit }) => 1 / secondsPerGbit);
    return [
      {
        ...{ bench: 'relay', unit: 'Gbit per CPU-second', against: 'plain forwarding by the same host' },
        ...{ ours: perSecond(ours), theirs: perSecond(byHand), paired: true },
        ...{ limited: 'ratio', limit: 0.9, must: 'at-least' },
      },
    ];
  });
}

/** In bytes. */
const received = async (host: Host): Promise<number> =>
  Number(await host.succeed(['cat', '/sys/class/net/eth0/statistics/rx_bytes']));

function relayed(from: Member, to: Host): Promise<true> {
  return until(
    async () => {
      const { paths } = await from.report();
      const path = paths.find(({ peer }) => peer.nickname === to.name);
      return (path?.path === 'relay' && path.mtu === 1450) || undefined;
    },
    () => `${from.host.name} to ${to.name} by a relay`,
    60_000,
  );
}
