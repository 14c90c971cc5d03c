import type { Known } from './known.ts';
import { routerOf } from './router.ts';
import { dnsOf, ipamOf, pluginOf } from './services.ts';
import { NEVER, type WeaveReport } from './shape.ts';

/** What Weave's `report` says, of what a router here knows. */
export function weaveReport(known: Known): WeaveReport {
  const { proxy, report } = known;
  return {
    Ready: report.state === 'ready',
    Version: report.version,
    // Nobody is asked for newer versions.
    VersionCheck: { Enabled: false, Success: false, NewVersion: '', NextCheckAt: NEVER },
    Router: routerOf(known),
    IPAM: ipamOf(known),
    DNS: dnsOf(known),
    Proxy: proxy && { Addresses: proxy.addresses },
    Plugin: pluginOf(known),
  };
}

/** As `weave report` prints it. */
export const reportJson = (report: WeaveReport): string => JSON.stringify(report, undefined, 4);
