import { Counter, Gauge, type MetricConfiguration, Registry } from 'prom-client';
import type { Known } from './known.ts';
import { sumsOf } from './layout.ts';
import { weaveReport } from './report.ts';
import type { WeaveConnection, WeaveIpam, WeaveReport } from './shape.ts';

/** What `/metrics` answers: the exposition format of Prometheus, and the type that says so. */
export interface Metrics {
  readonly contentType: string;
  readonly text: string;
}

/**
 * Weave's metrics under Weave's names and labels: what watches it goes on. What belongs to a service that is off is left out, as
 * is `weave_flows` where nobody counts them.
 */
export async function renderMetrics(known: Known): Promise<Metrics> {
  const report = weaveReport(known);
  const registry = new Registry();
  addRouter(registry, report);
  if (report.IPAM !== undefined) addIpam(registry, report.IPAM);
  if (report.DNS !== undefined) {
    const own = report.DNS.Entries.filter(({ Origin }) => Origin === report.Router.Name);
    addGauge(registry, 'weave_dns_entries', 'Names of this host, counted once an address.', own.length);
  }
  if (known.flows !== undefined)
    addGauge(registry, 'weave_flows', 'Entries by which the kernel forwards by itself.', known.flows);
  return { contentType: registry.contentType, text: await registry.metrics() };
}

function addRouter(registry: Registry, { Router }: WeaveReport): void {
  const connections = new Gauge({
    ...about(registry, 'weave_connections', 'Connections with other routers, and attempts at some.'),
    labelNames: ['encryption', 'state', 'type'],
  });
  for (const { Attrs, State } of Router.Connections) {
    // Both series are there, one of them zero, as Weave has it: none comes and goes with the encryption.
    for (const encryption of ['', 'yes']) {
      const isIt = (Attrs['encrypted'] === true) === (encryption === 'yes');
      connections.inc({ encryption, state: State, type: typeOf(Attrs) }, isIt ? 1 : 0);
    }
  }
  const terminations = new Counter(
    about(registry, 'weave_connection_terminations_total', 'Connections that have ended.'),
  );
  terminations.inc(Router.TerminationCount);
}

const typeOf = (attributes: WeaveConnection['Attrs']): string => `${attributes['name'] ?? 'unknown'}`;

function addIpam(registry: Registry, ipam: WeaveIpam): void {
  const absent = sumsOf(ipam.Entries).filter(([{ IsKnownPeer }]) => !IsKnownPeer);
  const lost = absent.reduce((sum, [, size]) => sum + size, 0);
  const ips = new Gauge({
    ...about(registry, 'weave_ips', 'Addresses that this host has given to somebody.'),
    labelNames: ['state'],
  });
  ips.set({ state: 'local-used' }, ipam.ActiveIPs);
  const gauges: readonly (readonly [name: string, help: string, value: number])[] = [
    ['weave_max_ips', 'Addresses that the mesh may give out.', ipam.RangeNumIPs],
    ['weave_ipam_unreachable_count', 'Peers out of reach that hold addresses.', absent.length],
    [
      'weave_ipam_unreachable_percentage',
      'How much of all addresses they hold.',
      (100 * lost) / ipam.RangeNumIPs,
    ],
    ['weave_ipam_pending_allocates', 'Who waits for an address.', ipam.PendingAllocates.length],
    ['weave_ipam_pending_claims', 'Who waits for a certain address.', ipam.PendingClaims.length],
  ];
  for (const [name, help, value] of gauges) addGauge(registry, name, help, value);
}

function addGauge(registry: Registry, name: string, help: string, value: number): void {
  new Gauge(about(registry, name, help)).set(value);
}

/** In a registry of this answer's own: the library's global one would keep what was. */
const about = (registry: Registry, name: string, help: string): MetricConfiguration<string> => ({
  name,
  help,
  registers: [registry],
});
