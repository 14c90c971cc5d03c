import { ask } from '../src/api/control/client.ts';
import { compare } from '../src/core/address.ts';
import { ok, type Result } from '../src/core/errors.ts';
import type { Report } from '../src/core/report.ts';
import type { Context } from './context.ts';
import { renderConnections } from './render/connections.ts';
import { renderDataplane } from './render/dataplane.ts';
import { renderEndpoints } from './render/endpoints.ts';
import { renderIpam } from './render/ipam.ts';
import { renderNames } from './render/names.ts';
import { renderPeers } from './render/peers.ts';
import { renderSummary } from './render/summary.ts';

export type StatusView = 'peers' | 'connections' | 'targets' | 'endpoints' | 'ipam' | 'dns' | 'dataplane';

interface View {
  /** The part of the report that the view is about. */
  value(report: Report): unknown;
  text(report: Report): string;
}

const VIEWS: { readonly [Name in Exclude<StatusView, 'dataplane'>]: View } = {
  peers: { value: report => report.peers, text: renderPeers },
  connections: { value: report => report.connections, text: renderConnections },
  targets: {
    value: report => report.targets.toSorted(compare),
    text: report => report.targets.toSorted(compare).join('\n'),
  },
  endpoints: {
    value: report => ({ endpoints: report.endpoints, dormant: report.dormant }),
    text: renderEndpoints,
  },
  ipam: { value: report => report.ipam ?? null, text: renderIpam },
  dns: { value: report => report.names, text: renderNames },
};

/** `mesh status [VIEW]` */
export async function status(context: Context, name: StatusView | undefined): Promise<Result<void>> {
  if (name === 'dataplane') {
    const reply = await ask(context.socket, 'dataplane');
    if (!reply.ok) return reply;
    context.print(reply.value, renderDataplane(reply.value));
    return ok(undefined);
  }
  const reply = await ask(context.socket, 'report');
  if (!reply.ok) return reply;
  if (name === undefined) return summary(context, reply.value);
  const view = VIEWS[name];
  context.print(view.value(reply.value), view.text(reply.value));
  return ok(undefined);
}

/** A router of an earlier version has no such answer: what it does have is shown. */
async function summary(context: Context, report: Report): Promise<Result<void>> {
  const dns = await ask(context.socket, 'dns');
  const known = dns.ok ? dns.value : undefined;
  context.print({ ...report, dns: known ?? null }, renderSummary(report, known));
  return ok(undefined);
}
