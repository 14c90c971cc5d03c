import { ask } from '../src/api/control/client.ts';
import { ok, type Result, refuse } from '../src/core/errors.ts';
import type { NetworkReport, Report } from '../src/core/report.ts';
import type { Context } from './context.ts';
import { renderNetwork, renderNetworks } from './render/networks.ts';

export interface NetworkFlags {
  readonly subnet?: readonly string[];
  readonly ipRange?: string;
  readonly gateway?: string;
  /** `NAME=ADDRESS`. */
  readonly auxAddress?: readonly string[];
  readonly mtu?: string;
  readonly internal?: boolean;
  readonly encrypted?: boolean;
  /** `KEY=VALUE`, or a key alone. */
  readonly label?: readonly string[];
}

/** `mesh network create NAME`: prints the name and the subnets that it got. */
export async function createNetwork(
  context: Context,
  name: string,
  flags: NetworkFlags,
): Promise<Result<void>> {
  const { auxAddress = [], encrypted, gateway, internal, label = [], mtu } = flags;
  const { ipRange: range, subnet: subnets } = flags;
  const unnamed = auxAddress.find(text => !/^[^=]+=/.test(text));
  if (unnamed !== undefined)
    return refuse({ code: 'bad-setting', name: '--aux-address', value: unnamed, allowed: 'NAME=ADDRESS' });
  if (mtu !== undefined && !/^\d{1,5}$/.test(mtu))
    return refuse({ code: 'bad-setting', name: '--mtu', value: mtu, allowed: 'a number of bytes' });
  const reply = await ask(context.socket, 'createNetwork', {
    name,
    subnets,
    range,
    gateway,
    ...(auxAddress.length > 0 && { aux: pairs(auxAddress) }),
    ...(mtu !== undefined && { mtu: Number(mtu) }),
    internal,
    encrypted,
    ...(label.length > 0 && { labels: pairs(label) }),
  });
  if (!reply.ok) return reply;
  context.print(reply.value, `${reply.value.name} ${reply.value.subnets.join(' ')}`);
  return ok(undefined);
}

/** `mesh network rm NAME...`: the first that can't be removed ends it. */
export async function removeNetworks(context: Context, names: readonly string[]): Promise<Result<void>> {
  for (const name of names) {
    const reply = await ask(context.socket, 'removeNetwork', { name });
    if (!reply.ok) return reply;
    context.print({ removed: name }, name);
  }
  return ok(undefined);
}

/** `mesh network ls`: one a line. */
export async function listNetworks(context: Context): Promise<Result<void>> {
  const report = await ask(context.socket, 'report');
  if (!report.ok) return report;
  context.print(report.value.networks, renderNetworks(report.value.networks));
  return ok(undefined);
}

/** `mesh network inspect NAME`: what it is like, and who is on it, on all hosts. */
export async function inspectNetwork(context: Context, name: string): Promise<Result<void>> {
  const report = await ask(context.socket, 'report');
  if (!report.ok) return report;
  const network = report.value.networks.find(one => one.name === name);
  if (network === undefined) return refuse({ code: 'network-unknown', network: name });
  const members = membersOf(network, report.value);
  context.print({ ...network, members }, renderNetwork(network, members));
  return ok(undefined);
}

const membersOf = ({ name }: NetworkReport, { endpoints }: Report): Report['endpoints'] =>
  endpoints.filter(({ network }) => network === name);

function pairs(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(texts.map(text => text.split(/=(.*)/s)).map(([key, value = '']) => [key, value]));
}
