import { describe, type Problem } from '../../core/errors.ts';
import { NAME_OPTION } from '../plugin/network-options.ts';
import type { Answer } from './engine-link.ts';
import { type Exchange, type Next, Refused } from './exchange.ts';
import { part, read } from './fields.ts';
import { type Fields, parseFields } from './json.ts';
import { readNetworkRequest } from './network-request.ts';
import { inTime, type Parts } from './rules.ts';
import { emptyAnswer, responseBytes } from './wire.ts';

/** A network of the engine that is one of the mesh's. */
export interface MeshNetwork {
  /** What the engine calls it. */
  readonly id: string;
  /** What the mesh calls it. */
  readonly name: string;
}

/** `POST /networks/create`: one of the mesh's is made on all hosts, and here it is what the mesh gives to the engine. */
export async function createNetwork(parts: Parts, exchange: Exchange): Promise<Next> {
  const { mesh, rules } = parts;
  const fields = parseFields((await exchange.body()).toString());
  if (fields === undefined || read(fields, 'Driver') !== rules.driver) return exchange.pass();
  const request = readNetworkRequest(fields, rules);
  const { name } = request;
  const known = await mesh.report();
  const isKnown = known.ok && known.value.networks.some(network => network.name === name);
  if (isKnown || (await engineHas(exchange, name)))
    throw new Refused(409, `network with name ${name} already exists`);
  const made = await inTime(mesh.createNetwork(request), () => void mesh.removeNetwork({ name }));
  if (!made.ok) throw refused(made.problem);
  const answer = await exchange.look(networkPath(name));
  const found = meshNetwork(parts, answer);
  if (found?.name === name) {
    const body = Buffer.from(`${JSON.stringify({ Id: found.id, Warning: '' })}\n`);
    return exchange.reply(responseBytes(201, answer.headers, body));
  }
  // Who is told that there is none must not find one.
  await mesh.removeNetwork({ name });
  throw new Refused(500, `the engine of this host does not take network "${name}"; "mesh logs" says why`);
}

/** `DELETE /networks/ID`: one of the mesh's goes from all hosts, unless something is on it on any of them. */
export async function removeNetwork(parts: Parts, exchange: Exchange, id: string): Promise<Next> {
  const { mesh } = parts;
  const body = await exchange.body();
  const found = meshNetwork(parts, await exchange.look(networkPath(id)));
  if (found === undefined) return exchange.reply((await exchange.ask(body)).raw);
  const removed = await inTime(mesh.removeNetwork({ name: found.name }), () => undefined);
  if (!removed.ok && removed.problem.code !== 'network-unknown') throw refused(removed.problem);
  const answer = await exchange.ask(body);
  // It has gone from the engine already.
  const isDone = answer.status === 404 && removed.ok;
  return exchange.reply(isDone ? emptyAnswer(answer.headers) : answer.raw);
}

/** `GET /networks/ID`: with the options that a user gave it; who compares them with what he has written finds no other. */
export async function inspectNetwork(parts: Parts, exchange: Exchange): Promise<Next> {
  const answer = await exchange.ask(await exchange.body());
  const fields = meshNetwork(parts, answer) && parseFields(answer.body.toString());
  const options = fields && part(fields, 'Options');
  if (options === undefined || !(NAME_OPTION in options)) return exchange.reply(answer.raw);
  const { [NAME_OPTION]: _, ...Options } = options;
  const body = Buffer.from(`${JSON.stringify({ ...fields, Options })}\n`);
  return exchange.reply(responseBytes(200, answer.headers, body));
}

/** The one that an inspection shows; undefined where that shows none of the mesh's. */
export function meshNetwork({ rules }: Parts, { body, status }: Answer): MeshNetwork | undefined {
  const fields = status === 200 ? parseFields(body.toString()) : undefined;
  const id = fields?.['Id'];
  if (fields === undefined || fields['Driver'] !== rules.driver || typeof id !== 'string') return undefined;
  const name = (part(fields, 'Options') as Fields)[NAME_OPTION] ?? fields['Name'];
  return typeof name === 'string' ? { id, name } : undefined;
}

export const networkPath = (id: string): string => `/networks/${encodeURIComponent(id)}`;

/** Whatever its driver is. What the engine finds by the beginning of an id is another one. */
async function engineHas(exchange: Exchange, name: string): Promise<boolean> {
  const { body, status } = await exchange.look(networkPath(name));
  return status === 200 && parseFields(body.toString())?.['Name'] === name;
}

/** As engines do: what is taken or in use is forbidden, what makes no sense is a bad request. */
const STATUS: Partial<Record<Problem['code'], number>> = {
  'network-exists': 409,
  'network-in-use': 403,
  'network-default': 403,
  'subnet-overlaps': 403,
  'subnet-used': 403,
  'host-subnet-taken': 403,
  'router-silent': 503,
};

const refused = (problem: Problem): Refused => new Refused(STATUS[problem.code] ?? 400, describe(problem));
