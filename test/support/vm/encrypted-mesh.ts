import { macBytes } from '../../../src/adapters/linux/bytes.ts';
import { ask } from '../../../src/api/control/client.ts';
import type { Mac } from '../../../src/core/address.ts';
import type { PathReport } from '../../../src/core/report.ts';
import { succeed } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { createLab, type Lab } from '../lab/lab.ts';
import { type } from '../lab/shell.ts';
import { until } from '../until.ts';

/** Two hosts of a mesh with a password, each with a container, on a kernel that has WireGuard; and a machine outside of it. */
export interface EncryptedMesh {
  readonly lab: Lab;
  readonly one: Host;
  readonly two: Host;
  readonly outside: Host;
  /** What can be read in these packets of what containers send: what they say, or who they are. */
  readable(packets: Buffer): readonly string[];
}

export const LAUNCH = 'mesh launch --native --no-dns --no-plugin --password-file /root/password';
export const BOXES = ['10.32.0.1', '10.32.0.2'] as const;
export const IN_BOX = 'ip netns exec box';
/** What containers say to each other, so that it is found where it should not be. */
const WORDS = 'deadbeefcafe';
const PATIENCE_MS = 60_000;

export async function createEncryptedMesh(): Promise<EncryptedMesh> {
  await succeed(['modprobe', 'wireguard']);
  const lab = await createLab({ hosts: 3 });
  const [one, two, outside] = lab.hosts as [Host, Host, Host];
  const insiders = [one, two];
  const launch = `umask 077; echo correct horse > /root/password; ${LAUNCH} ${one.address}`;
  await Promise.all(insiders.map(host => type(host, launch)));
  const macs = await Promise.all(
    insiders.map(async (host, index) => {
      await host.addNamespace('box');
      await type(host, `mesh attach ${BOXES[index]}/12 netns:/run/netns/box`);
      return (await type(host, `${IN_BOX} cat /sys/class/net/ethmesh/address`)).trim() as Mac;
    }),
  );
  const secrets: readonly (readonly [string, Uint8Array])[] = [
    ['words', Uint8Array.from(Buffer.from(WORDS.repeat(2), 'hex'))],
    ...macs.map(mac => [mac, macBytes(mac)] as const),
    ...BOXES.map(address => [address, Uint8Array.from(address.split('.'), Number)] as const),
  ];
  return {
    ...{ lab, one, two, outside },
    readable: packets =>
      secrets.filter(([, bytes]) => packets.includes(Buffer.from(bytes))).map(([name]) => name),
  };
}

const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;

/** The path from one host to another, once it is so. */
export function pathTo(host: Host, to: Host, isSo: (path: PathReport) => boolean): Promise<PathReport> {
  let last: PathReport | undefined;
  return until(
    async () => {
      const report = await ask(socketOf(host), 'report');
      last = report.ok ? report.value.paths.find(({ peer }) => peer.nickname === to.name) : undefined;
      return last !== undefined && isSo(last) ? last : undefined;
    },
    () => `the path is ${JSON.stringify(last)}`,
    PATIENCE_MS,
  );
}

/** From the first container to the second, and back. */
export const ping = (count: number, more = ''): string =>
  `${IN_BOX} ping -q -c ${count} -i 0.2 -W 2 -p ${WORDS} ${more} ${BOXES[1]}`;

export async function reaches(host: Host): Promise<boolean> {
  return (await host.exec(['sh', '-c', ping(2)])).status === 0;
}

export async function killRouter(host: Host): Promise<void> {
  const health = await ask(socketOf(host), 'health');
  await type(host, `kill -9 ${health.ok && health.value.pid}`);
}
