import type { Exchange, Next } from './exchange.ts';
import { type Fields, isFields, parseFields } from './json.ts';
import type { Parts } from './rules.ts';
import { responseBytes } from './wire.ts';

/** What old programs read at the top, where they know of no networks. */
const SHOWN = ['IPAddress', 'IPPrefixLen', 'MacAddress'];

/** `GET /containers/ID/json` of a proxy that shows the address on the mesh in the place of the bridge's. */
export async function inspectContainer({ rules }: Parts, exchange: Exchange): Promise<Next> {
  const answer = await exchange.ask(await exchange.body());
  const fields = answer.status === 200 ? parseFields(answer.body.toString()) : undefined;
  const settings = partOf(fields, 'NetworkSettings');
  const endpoint = partOf(partOf(settings, 'Networks'), rules.network);
  if (settings === undefined || endpoint === undefined || !endpoint['IPAddress'])
    return exchange.reply(answer.raw);
  const shown = Object.fromEntries(SHOWN.map(name => [name, endpoint[name]]));
  const body = { ...fields, NetworkSettings: { ...settings, ...shown } };
  return exchange.reply(responseBytes(200, answer.headers, Buffer.from(JSON.stringify(body))));
}

function partOf(fields: Fields | undefined, name: string): Fields | undefined {
  const value = fields?.[name];
  return isFields(value) ? value : undefined;
}
