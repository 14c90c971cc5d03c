import { type } from '../lab/shell.ts';
import type { DockerHost } from './docker-lab.ts';

/**
 * What a power cut leaves of a host: its disk. All processes end at once, and what they had made in the kernel, or below
 * /run, is gone.
 */
export async function powerCut(host: DockerHost): Promise<void> {
  await type(
    host,
    `kill -9 -1
     until [ "$(ps -e -o comm= | grep -cE '^(dockerd|containerd|containerd-shim|node)')" = 0 ]; do sleep 0.05; done
     awk '$2 ~ "^/(var/lib/docker|run/docker|run/containerd|run/mesh|run/netns)/" {print $2}' /proc/mounts |
       sort -r | xargs -r -n 1 umount -l
     rm -rf /run/docker* /run/containerd /run/mesh /run/netns
     ip -o link | sed -nE 's/^[0-9]+: ((docker|br-|veth|mesh)[^:@]*).*/\\1/p' | xargs -r -n 1 ip link delete 2>/dev/null
     nft flush ruleset; iptables -P FORWARD ACCEPT; echo 0 >/proc/sys/net/ipv4/ip_forward`,
  );
}
