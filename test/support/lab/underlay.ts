import { join } from 'node:path';
import { succeed } from './command.ts';
import { startGuest } from './guest.ts';

/** Where a host hangs on the underlay. */
export interface Socket {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  /** Any process in the host's network namespace. */
  readonly pid: number;
}

/** The network between the hosts: 192.168.48.0/24, MTU 1500, one bridge in a namespace of its own. */
export interface Underlay {
  /** Gives the host its `eth0`, with its address and a default route. */
  plug(socket: Socket): Promise<void>;
  /** From now on no frame gets from one to the other, in either direction; links stay up. */
  cut(a: Socket, b: Socket): Promise<void>;
  heal(a: Socket, b: Socket): Promise<void>;
  /** Removes it and what the hosts left: to be called when they have ended. */
  end(): Promise<void>;
}

const GATEWAY = '192.168.48.1';

/** `lab`: prefix of the hosts' links and cgroups; `directory`: their disks. All goes with the underlay. */
export async function startUnderlay(lab: string, directory: string): Promise<Underlay> {
  const keeper = join(import.meta.dirname, 'keeper');
  const guest = await startGuest([
    ...['unshare', '--net', '--mount', '--propagation', 'private', '--fork', '--kill-child'],
    ...[keeper, lab, directory],
  ]);
  const enter = ['nsenter', `--net=/proc/${guest.child.pid}/ns/net`];
  const change = (verb: 'add' | 'delete', a: Socket, b: Socket) =>
    succeed([
      ...enter,
      ...['nft', `${verb} element bridge lab cut { ${a.mac} . ${b.mac}, ${b.mac} . ${a.mac} }`],
    ]);
  return {
    async plug({ name, address, mac, pid }) {
      await succeed([...enter, 'ip', '-batch', '-'], {
        input: `link add ${lab}-${name} type veth peer name eth0 address ${mac} netns ${pid}
                link set ${lab}-${name} master lan up\n`,
      });
      await succeed(['nsenter', `--net=/proc/${pid}/ns/net`, 'ip', '-batch', '-'], {
        input: `link set lo up
                address add ${address}/24 dev eth0
                link set eth0 up
                route add default via ${GATEWAY}\n`,
      });
    },
    async cut(a, b) {
      await change('add', a, b);
    },
    async heal(a, b) {
      await change('delete', a, b);
    },
    end: () => guest.end(),
  };
}
