import { ask } from '../../../src/api/control/client.ts';
import type { PathReport } from '../../../src/core/report.ts';
import { until } from '../until.ts';
import type { Host } from './host.ts';
import { type } from './shell.ts';

/** What routers of a lab say of their paths, and what is done to those. */

/** How long until a router knows that frames flow: it asks the kernel every 5 s. */
export const NOTICED_MS = 6_000;

export const socketOf = (host: Host): string => `/proc/${host.pid}/root/run/mesh/mesh.sock`;

/** What `of` says of its path to `to`. */
export async function path(of: Host, to: Host): Promise<PathReport | undefined> {
  const report = await ask(socketOf(of), 'report');
  return report.ok ? report.value.paths.find(({ peer }) => peer.nickname === to.name) : undefined;
}

/** Resolves with how long it took until the path was like that. */
export async function becomes(
  of: Host,
  to: Host,
  wanted: (path: PathReport) => boolean,
  limitMs: number,
): Promise<number> {
  const before = performance.now();
  let last: PathReport | undefined;
  await until(
    async () => {
      last = await path(of, to);
      return (last !== undefined && wanted(last)) || undefined;
    },
    () => `${of.name} to ${to.name}: ${JSON.stringify(last)}`,
    limitMs,
  );
  return performance.now() - before;
}

/** What comes to `host` from there and is like that is dropped from now on. */
export const drop = (host: Host, from: Host, what: string): Promise<string> =>
  type(
    host,
    `nft 'add table ip lab; add chain ip lab in { type filter hook prerouting priority -350; };
      add rule ip lab in ip saddr ${from.address} ${what} drop'`,
  );
export const heal = (host: Host): Promise<string> => type(host, 'nft delete table ip lab');
