import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Host, type HostOptions, startHost } from './host.ts';
import { startUnderlay } from './underlay.ts';

/**
 * Several machines inside this one, on one network: host1 is 192.168.48.11, host2 is 192.168.48.12 ... All of it hangs
 * on processes that end when their owner does, so nothing is left behind, however the owner ends. Labs don't
 * see each other: any number may stand side by side. Needs root.
 */
export interface Lab<Machine extends Host = Host> {
  /** Marks all that it keeps outside of namespaces: cgroups and disks. */
  readonly name: string;
  readonly hosts: readonly Machine[];
  /** From now on no frame gets from one host to the other, in either direction; links stay up. */
  cut(a: Host, b: Host): Promise<void>;
  heal(a: Host, b: Host): Promise<void>;
  /** Ends all of it; resolves when nothing is left. May be repeated. */
  destroy(): Promise<void>;
}

export function createLab(options: { readonly hosts: number }): Promise<Lab> {
  return buildLab(options.hosts, startHost);
}

/** A lab whose hosts are made by `start`; its second argument names what a host keeps outside of namespaces. */
export async function buildLab<Machine extends Host>(
  count: number,
  start: (options: HostOptions, key: string) => Promise<Machine>,
): Promise<Lab<Machine>> {
  const name = `ml${randomBytes(3).toString('hex')}`;
  // Not /tmp, which is often memory: what a router makes durable is meant to reach a disk.
  const directory = `/var/tmp/${name}`;
  await mkdir(directory, { mode: 0o700 });
  const underlay = await startUnderlay(name, directory);
  const hosts: Machine[] = [];
  const destroy = async () => {
    await Promise.all(hosts.map(host => host.end()));
    await underlay.end();
  };
  const add = async (number: number) => {
    const options = describeHost(number, directory);
    await mkdir(options.disk);
    const host = await start(options, `${name}-${options.name}`);
    hosts[number - 1] = host;
    await underlay.plug(host);
  };
  const started = await Promise.allSettled(Array.from({ length: count }, (_, index) => add(index + 1)));
  const failed = started.find(result => result.status === 'rejected');
  if (failed !== undefined) {
    await destroy();
    throw failed.reason;
  }
  return { name, hosts, cut: underlay.cut, heal: underlay.heal, destroy };
}

function describeHost(number: number, directory: string): HostOptions {
  const name = `host${number}`;
  const octet = 10 + number;
  return {
    name,
    address: `192.168.48.${octet}`,
    mac: `02:00:c0:a8:30:${octet.toString(16).padStart(2, '0')}`,
    disk: join(directory, name),
  };
}
