import type { Host } from './host.ts';

/** Types a line into a shell of the host, as a person would; gives what it printed. It has to end with 0. */
export function type(host: Host, line: string): Promise<string> {
  return host.succeed(['sh', '-c', line]);
}

/**
 * What a router could leave on its host, one line each: links, addresses, routes, rules, namespaces, mounts, settings
 * and processes. Link-local addresses come and go seconds after their links, so they don't count.
 */
export function hostTraces(host: Host): Promise<string> {
  return type(
    host,
    `ip -brief link | sort
     ip -4 -brief address | sort
     ip route show table all | grep -v fe80 | sort
     ip -6 route show table all | grep -v fe80 | sort
     ip rule
     nft -s list ruleset
     ls -A /run
     find /run/netns | sort
     cut -d' ' -f2 /proc/mounts | sort
     sysctl -a -r '^net.(ipv4|ipv6|bridge)' | grep -v random | sort
     ps -e -o comm= | grep -vxE 'sh|ps|grep|sort' | sort`,
  );
}
