import type { Cidr, Ipv4, Mac } from '../../../core/address.ts';
import type { Result } from '../../../core/errors.ts';
import type { Log } from '../../../ports/log.ts';
import type { Firewall, InSwitch } from '../parts.ts';
import { createHostGuard } from './host-guard.ts';
import type { Control } from './ruleset.ts';
import { createSwitchGuard } from './switch-guard.ts';

/** Packets dropped since the tables were first loaded; a router that starts again goes on counting. */
export interface Counters {
  /** Datagrams to data ports from addresses that are no peers', and what containers sent to control ports. */
  readonly strangers: number;
  /** IPv4, ARP, router advertisements and redirects that a container had no right to send. */
  readonly spoofed: number;
  /** Frames of containers that are neither IPv4 nor ARP. */
  readonly unsupported: number;
  /** Own frames that came back from another host. */
  readonly looped: number;
}

/** And what came to this router in user space. */
export interface AllCounters extends Counters {
  /** Frames that were not authentic, or came again, or were another peer's. */
  readonly forged: number;
}

export interface KernelFirewall extends Firewall {
  counters(): Counters;
  /** Compares the tables with what they should be, and mends them; gives a sentence for each thing mended. */
  audit(): Promise<readonly string[]>;
  /** Lets go of sockets; the tables stay. */
  close(): void;
}

interface Options {
  readonly log: Log;
  /** Leads to the namespace of the host; unless given, that is where this process is. */
  readonly inHost?: InSwitch;
  /** Kept from containers. */
  readonly control?: Control | undefined;
}

const here: InSwitch = action => action();

/**
 * The firewall of this host, by nf_tables. What changes (peers, ports) takes one netlink transaction and no child
 * process. `setPeers` and `allow` throw a `KernelError` where the kernel refuses; the next `audit` tries again.
 */
export function createFirewall({ log, inHost = here, control }: Options): KernelFirewall {
  const host = createHostGuard(inHost, control);
  const inside = createSwitchGuard();
  return {
    guardHost: local => host.guard(local),
    setRelays: relays => host.setRelays(relays),
    relays: () => host.relays(),
    setPeers: (addresses: readonly Ipv4[]) => host.setPeers(addresses),
    guardSwitch: (inSwitch, dataPort) => inside.guard(inSwitch, dataPort),
    allow: (port: string, mac: Mac, addresses: readonly Ipv4[]) => inside.allow(port, mac, addresses),
    allowHost: (port: string, mac: Mac, addresses: readonly Ipv4[]) => inside.allowHost(port, mac, addresses),
    masquerade: (subnets: readonly Cidr[]): Promise<Result<void>> => host.masquerade(subnets),
    setServices: services => inside.setServices(services),
    services: () => inside.services(),
    disallow: port => {
      try {
        inside.disallow(port);
      } catch (error) {
        log.warn('a port of the switch stays allowed until the next audit', { port, why: String(error) });
      }
    },
    counters: () => {
      const counts = new Map([...host.counts(), ...inside.counts()]);
      const packets = (name: string): number => counts.get(name)?.packets ?? 0;
      return {
        strangers: packets('strangers'),
        spoofed: packets('spoofed'),
        unsupported: packets('unsupported'),
        looped: packets('looped'),
      };
    },
    audit: async () => {
      const mended: string[] = [];
      for (const audit of [host.audit, inside.audit]) {
        const result = await audit();
        if (result.ok) mended.push(...result.value);
        else log.error('the packet filter rules could not be mended', result.problem);
      }
      return mended;
    },
    remove: async () => {
      for (const remove of [host.remove, inside.remove]) {
        try {
          remove();
        } catch (error) {
          log.warn('a table of packet filter rules stays', { why: String(error) });
        }
      }
    },
    close: () => {
      host.close();
      inside.close();
    },
  };
}
