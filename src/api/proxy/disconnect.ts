import { parseIpv4 } from '../../core/address.ts';
import { describe } from '../../core/errors.ts';
import { containerFields } from './connect.ts';
import type { Exchange, Next } from './exchange.ts';
import { part, read } from './fields.ts';
import { type Fields, isFields, parseFields } from './json.ts';
import { meshNetwork, networkPath } from './networks.ts';
import type { Parts } from './rules.ts';

/** `POST /networks/ID/disconnect`: an address that was kept for a container while it is stopped is free when it is to leave. */
export async function disconnectContainer(parts: Parts, exchange: Exchange, network: string): Promise<Next> {
  const body = await exchange.body();
  const fields = parseFields(body.toString());
  const name = fields && read(fields, 'Container');
  if (typeof name !== 'string' || name === '') return exchange.pass();
  const found = meshNetwork(parts, await exchange.look(networkPath(network)));
  if (found === undefined) return exchange.pass();
  const container = await containerFields(exchange, name);
  const answer = await exchange.ask(body);
  if (answer.status === 200 && container !== undefined) await free(parts, container, found.id);
  return exchange.reply(answer.raw);
}

async function free({ log, mesh }: Parts, container: Fields, network: string): Promise<void> {
  const owner = container['Id'];
  const address = fixedAddress(container, network);
  if (typeof owner !== 'string' || address === undefined) return;
  const released = await mesh.release({ owner, address });
  // A user has fixed it, who has no need of that.
  if (!released.ok) log.debug('nothing was kept', { container: owner, why: describe(released.problem) });
}

/** The one that it was to have on that network; undefined where it was to have any. */
function fixedAddress(container: Fields, network: string): string | undefined {
  const settings = part(container, 'NetworkSettings');
  const endpoints = Object.values((settings && part(settings, 'Networks')) ?? {});
  const endpoint = endpoints.filter(isFields).find(each => read(each, 'NetworkID') === network);
  const address = endpoint && read(part(endpoint, 'IPAMConfig') ?? {}, 'IPv4Address');
  return typeof address === 'string' ? parseIpv4(address) : undefined;
}
