import { readFileSync } from 'node:fs';
import type { Host } from '../lab/host.ts';

/** What went over a link, as tcpdump saw it. */
export interface Capture {
  /** Ends it, and gives the bytes of all packets. */
  stop(): Promise<Buffer>;
}

/** Begins to write down all packets of a host's link, in both directions. `where`: a command line that leads to its namespace. */
export async function startCapture(
  host: Host,
  link = 'eth0',
  where: readonly string[] = [],
): Promise<Capture> {
  const path = `/root/${link}.pcap`;
  await host.succeed(['rm', '-f', path]);
  const program = await host.spawn([
    ...where,
    ...['tcpdump', '-i', link, '-s', '0', '-U', '--immediate-mode', '-w', path],
  ]);
  // The header of the file is there once it listens.
  await host.succeed(['sh', '-c', `until [ -s ${path} ]; do sleep 0.05; done`]);
  return {
    async stop() {
      await program.stop('INT');
      return readFileSync(`/proc/${host.pid}/root${path}`);
    },
  };
}
