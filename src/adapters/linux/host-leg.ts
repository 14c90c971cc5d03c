import { contains, formatCidr } from '../../core/address.ts';
import { HOST_LEG } from '../../core/endpoints/attachment.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Attachment } from '../../ports/dataplane.ts';
import type { Log } from '../../ports/log.ts';
import { createPassage } from './firewall/passage.ts';
import { isForwarding, noteForwarding, setForwarding, takeNote } from './ip-forwarding.ts';
import { attempt, problemOf } from './kernel-problem.ts';
import { KernelError } from './libc.ts';
import { plumbedOfAlias } from './names.ts';
import { NETLINK_ROUTE, openNetlink } from './netlink/socket.ts';
import type { Firewall, InSwitch } from './parts.ts';
import { listAddresses } from './rtnetlink/addresses.ts';
import { type Link, listLinks } from './rtnetlink/link-table.ts';
import type { Switch } from './switch.ts';

/** What makes a gateway of a host that has a leg in a network: forwarding, translation, and a way through its own rules. */
export interface HostLeg {
  /** Refuses with `host-subnet-taken` what would hide something that the host reaches another way. */
  check(place: Switch, attachment: Attachment): Promise<Result<void>>;
  /** Of a leg that has its link. */
  raise(attachment: Attachment): Promise<Result<void>>;
  /** Takes all of it back. Never fails. */
  lower(): Promise<void>;
  /** Mends what others changed; gives a sentence for each thing mended. */
  audit(): Promise<readonly string[]>;
}

interface Options {
  readonly firewall: Firewall;
  readonly inHost: InSwitch;
  readonly log: Log;
  /** File that notes whether it was us who turned forwarding on. */
  readonly note: string;
}

/** Whether a link of the switch is that of the host's own leg. */
export const isLeg = ({ alias }: Pick<Link, 'alias'>): boolean =>
  plumbedOfAlias(alias)?.container === HOST_LEG;

export function createHostLeg({ firewall, inHost, log, note }: Options): HostLeg {
  const passage = createPassage(inHost);
  /** The leg's device; undefined while there is none. */
  let device: string | undefined;

  const forward = (): readonly string[] => {
    if (inHost(isForwarding)) return [];
    // First the note: who is killed in between leaves nothing that nobody would take back.
    noteForwarding(note);
    inHost(() => setForwarding(true));
    return ['this host did not forward IPv4; turned that on'];
  };

  return {
    async check({ host }, attachment) {
      const links = new Map((await listLinks(host)).map(link => [link.index, link.name]));
      for (const { link, cidr } of listAddresses(host)) {
        const name = links.get(link) ?? '';
        if (name === attachment.device) continue;
        const clash = attachment.addresses.find(
          own => contains(own, cidr.address) || contains(cidr, own.address),
        );
        if (clash !== undefined) {
          const other = `${formatCidr(cidr)} (${name})`;
          return refuse({ code: 'host-subnet-taken', value: formatCidr(clash), other });
        }
      }
      return ok(undefined);
    },

    raise: attachment =>
      attempt(async () => {
        const masqueraded = await firewall.masquerade(attachment.masqueraded ?? []);
        if (!masqueraded.ok) return masqueraded;
        for (const sentence of forward()) log.info(sentence);
        device = attachment.device;
        const opened = await passage.open(device);
        if (opened.ok) for (const sentence of opened.value) log.info(sentence);
        // Containers are reached all the same; what else the host forwards may not be.
        else log.warn('the chain FORWARD of iptables could not be looked at', opened.problem);
        return ok(undefined);
      }),

    async lower() {
      device = undefined;
      const lowered = await attempt(async () => {
        await passage.shut();
        if (takeNote(note) && !(await hasBridge())) inHost(() => setForwarding(false));
        return firewall.masquerade([]);
      });
      if (!lowered.ok) log.warn('a part of what the leg needed stays', lowered.problem);
    },

    async audit() {
      if (device === undefined) return [];
      try {
        const opened = await passage.open(device);
        return [...forward(), ...(opened.ok ? opened.value : [])];
      } catch (error) {
        if (!(error instanceof KernelError)) throw error;
        log.warn('what the leg needs could not be looked at', problemOf(error));
        return [];
      }
    },
  };

  /** Others may have found forwarding turned on, and rely on it: what is behind a bridge of the host does. */
  async function hasBridge(): Promise<boolean> {
    const route = inHost(() => openNetlink(NETLINK_ROUTE));
    try {
      return (await listLinks(route)).some(({ kind }) => kind === 'bridge');
    } finally {
      route.close();
    }
  }
}
