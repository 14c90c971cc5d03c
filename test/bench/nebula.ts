import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../support/lab/host.ts';
import { until } from '../support/until.ts';
import { cpuSeconds } from './measure.ts';

/** Two hosts joined by nebula, as its package sets it up: what sends frames through user space otherwise. */

export const NEBULA_ADDRESSES = ['10.200.0.1', '10.200.0.2'] as const;
const PORT = 4242;

export interface Nebula {
  /** CPU time that both processes have used, in seconds. */
  cpu(): number;
}

export async function startNebula(hosts: readonly [Host, Host]): Promise<Nebula> {
  const files = makeCertificates();
  const started: (() => string)[] = [];
  for (const [index, host] of hosts.entries()) {
    const [own, other] = [index, 1 - index] as const;
    await host.succeed(['mkdir', '-p', '/root/nebula']);
    for (const [name, text] of Object.entries({
      'ca.crt': files.get('ca.crt')!,
      'host.crt': files.get(`host${own}.crt`)!,
      'host.key': files.get(`host${own}.key`)!,
      'config.yml': configFor(NEBULA_ADDRESSES[other]!, hosts[other]!.address),
    }))
      await host.succeed(['sh', '-c', `cat >/root/nebula/${name}`], { input: text });
    await host.spawn(['nebula', '-config', '/root/nebula/config.yml']);
    const process = await until(
      async () => (await host.exec(['pgrep', '-x', 'nebula'])).stdout.trim() || undefined,
      () => `nebula runs on ${host.name}`,
    );
    const path = `/proc/${host.pid}/root/proc/${process}/stat`;
    started.push(() => readFileSync(path, 'utf8'));
  }
  const ping = ['ping', '-c', '1', '-W', '1', NEBULA_ADDRESSES[1]];
  await until(
    async () => (await hosts[0].exec(ping)).status === 0 || undefined,
    () => 'nebula joins the two hosts',
    20_000,
  );
  return { cpu: () => started.reduce((sum, stat) => sum + cpuSeconds(stat()), 0) };
}

function makeCertificates(): ReadonlyMap<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-bench-nebula-'));
  const make = (...words: readonly string[]): Buffer =>
    execFileSync('nebula-cert', words, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    make('ca', '-name', 'bench');
    for (const [index, address] of NEBULA_ADDRESSES.entries())
      make('sign', '-name', `host${index}`, '-ip', `${address}/24`);
    const names = ['ca.crt', 'host0.crt', 'host0.key', 'host1.crt', 'host1.key'];
    return new Map(names.map(name => [name, readFileSync(join(directory, name), 'utf8')]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const configFor = (other: string, at: string): string => `
pki: { ca: /root/nebula/ca.crt, cert: /root/nebula/host.crt, key: /root/nebula/host.key }
static_host_map: { "${other}": ["${at}:${PORT}"] }
lighthouse: { am_lighthouse: false, hosts: [] }
listen: { host: 0.0.0.0, port: ${PORT} }
tun: { dev: nebula1, mtu: 1300 }
firewall:
  outbound: [{ port: any, proto: any, host: any }]
  inbound: [{ port: any, proto: any, host: any }]
`;
