import type { Host } from './host.ts';

/** Types a line into a shell of the host, as a person would; gives what it printed. It has to end with 0. */
export function type(host: Host, line: string): Promise<string> {
  return host.succeed(['sh', '-c', line]);
}

/** What a router could leave on its host, one line each: links, addresses, routes, rules, namespaces, mounts. */
export async function hostTraces(host: Host): Promise<string> {
  return type(
    host,
    `ip -brief link | sort
     ip -brief address | sort
     ip route show table all | sort
     ip rule
     nft -s list ruleset
     find /run/netns /run/mesh 2>/dev/null | sort
     cut -d' ' -f2 /proc/mounts | sort
     sysctl -a -r 'net.(ipv4|bridge)' 2>/dev/null | grep -v 'random\\|_time\\|sched\\|inuse' | sort`,
  );
}
