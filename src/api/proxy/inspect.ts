import type { Exchange, Next } from './exchange.ts';
import { type Fields, isFields, parseFields } from './json.ts';
import type { Parts } from './rules.ts';
import { responseBytes } from './wire.ts';

/** What old programs read at the top, where they know of no networks. */
const SHOWN = ['IPAddress', 'IPPrefixLen', 'MacAddress'];

/** `GET /containers/ID/json` of a proxy that shows the address on the mesh in the place of the bridge's. */
export async function inspectContainer({ mesh, rules }: Parts, exchange: Exchange): Promise<Next> {
  const answer = await exchange.ask(await exchange.body());
  const fields = answer.status === 200 ? parseFields(answer.body.toString()) : undefined;
  const settings = partOf(fields, 'NetworkSettings');
  const joined = partOf(partOf(settings, 'Networks'), rules.network);
  const endpoint = joined ?? (rules.attaching && (await attached(mesh, fields?.['Id'])));
  if (settings === undefined || endpoint === undefined || !endpoint['IPAddress'])
    return exchange.reply(answer.raw);
  const shown = Object.fromEntries(SHOWN.map(name => [name, endpoint[name]]));
  const body = { ...fields, NetworkSettings: { ...settings, ...shown } };
  return exchange.reply(responseBytes(200, answer.headers, Buffer.from(JSON.stringify(body))));
}

/** Of one that is on no Docker network of the mesh: the first address that it was attached with. */
async function attached(mesh: Parts['mesh'], id: unknown): Promise<Fields | undefined> {
  const report = await mesh.report();
  const found = report.ok ? report.value.endpoints.find(({ container }) => container === id) : undefined;
  return found && { IPAddress: found.address, IPPrefixLen: found.prefix, MacAddress: found.mac };
}

function partOf(fields: Fields | undefined, name: string): Fields | undefined {
  const value = fields?.[name];
  return isFields(value) ? value : undefined;
}
