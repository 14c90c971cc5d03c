import { type Exchange, type Next, Refused } from './exchange.ts';
import { one, part, read } from './fields.ts';
import { type Fields, parseFields } from './json.ts';
import { CONTAINER_OPTION } from './membership.ts';
import { meshNetwork, networkPath } from './networks.ts';
import { inTime, type Parts } from './rules.ts';

/** `POST /networks/ID/connect`: the drivers are told who it is, so that its names are there when the client is answered. */
export async function connectContainer(parts: Parts, exchange: Exchange, network: string): Promise<Next> {
  const body = await exchange.body();
  const fields = parseFields(body.toString());
  const name = fields && read(fields, 'Container');
  if (fields === undefined || typeof name !== 'string' || name === '') return exchange.pass();
  if (meshNetwork(parts, await exchange.look(networkPath(network))) === undefined) return exchange.pass();
  const id = (await containerFields(exchange, name))?.['Id'];
  if (typeof id !== 'string') return exchange.pass();
  const answer = await exchange.ask(Buffer.from(JSON.stringify(identified(fields, id))));
  if (answer.status === 200) await named(parts, id);
  return exchange.reply(answer.raw);
}

/** Resolves when its names are known, or when that takes too long to be waited for. */
export async function named({ drivers }: Parts, container: string): Promise<void> {
  await inTime(
    drivers.identify(container).then(() => ({ ok: true, value: undefined }) as const),
    () => undefined,
    NAMING_MS,
  );
}

/** It is reachable by its address meanwhile. */
const NAMING_MS = 2_000;

/** What the engine shows of a container; undefined where it has none of that name. */
export async function containerFields(exchange: Exchange, name: string): Promise<Fields | undefined> {
  const { body, status } = await exchange.look(`/containers/${encodeURIComponent(name)}/json`);
  return status === 200 ? parseFields(body.toString()) : undefined;
}

function identified(fields: Fields, id: string): Fields {
  const endpoint = part(fields, 'EndpointConfig');
  const options = endpoint && part(endpoint, 'DriverOpts');
  if (endpoint === undefined || options === undefined)
    throw new Refused(400, 'EndpointConfig is not what a network takes');
  return {
    ...fields,
    [one(fields, 'EndpointConfig')]: {
      ...endpoint,
      [one(endpoint, 'DriverOpts')]: { ...options, [CONTAINER_OPTION]: id },
    },
  };
}
