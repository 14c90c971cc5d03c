import type { Answer } from './engine-link.ts';
import { type Exchange, type Next, Refused } from './exchange.ts';
import { hostName } from './hostname.ts';
import { isBridged } from './inspection.ts';
import { type Fields, fieldName, fieldOf, isFields, parseFields } from './json.ts';
import type { Membership } from './membership.ts';
import type { Parts, Rules } from './rules.ts';
import type { Target } from './target.ts';
import { answerBytes, responseBytes } from './wire.ts';
import { readWish, variableIn, type Wish } from './wish.ts';

/** `POST /containers/create`: who is to be on the mesh is put there before the client hears of it. */
export async function createContainer(
  parts: Parts,
  membership: Membership,
  exchange: Exchange,
  { query }: Target,
): Promise<Next> {
  const { rules } = parts;
  const body = await exchange.body();
  const fields = parseFields(body.toString());
  const host = fields && part(fields, 'HostConfig');
  if (fields === undefined || host === undefined) return passUnread(exchange, body, membership);
  const mode = String(fieldOf(host, one(host, 'NetworkMode')) ?? '');
  const environment = fieldOf(fields, one(fields, 'Env'));
  if (!isBridged(mode)) return leaveAlone(exchange, body, rules, { environment, mode });
  const read = readWish(environment, rules);
  if ('wrong' in read) throw new Refused(400, read.wrong);
  const { wish } = read;
  if (wish === undefined) return exchange.reply((await exchange.ask(body)).raw);
  const dns = await dnsFor(parts, wish);
  const asked = withNames(fields, host, { rules, dns, name: query.get('name') });
  const answer = await exchange.ask(Buffer.from(JSON.stringify(asked)));
  const id = createdId(answer);
  if (id === undefined || wish.endpoint === undefined) return exchange.reply(answer.raw);
  const failure = await membership.join(id, wish.endpoint);
  if (failure === undefined) return exchange.reply(answer.raw);
  await membership.remove(id);
  return exchange.reply(answerBytes(500, { message: `the container can't be put on the mesh: ${failure}` }));
}

/** What is no JSON to us is none to the engine. If it is, nothing is known of what it made. */
async function passUnread(exchange: Exchange, body: Buffer, membership: Membership): Promise<Next> {
  const answer = await exchange.ask(body);
  const id = createdId(answer);
  if (id === undefined) return exchange.reply(answer.raw);
  await membership.remove(id);
  throw new Refused(400, 'the description of the container is not one object of JSON with each field once');
}

/** In other networks than the engine's bridge it is where the user wants it; said where that is not what was asked for. */
async function leaveAlone(
  exchange: Exchange,
  body: Buffer,
  { variable }: Rules,
  { environment, mode }: { readonly environment: unknown; readonly mode: string },
): Promise<Next> {
  const answer = await exchange.ask(body);
  const asked = variableIn(environment, variable);
  if (asked === undefined || asked.trim() === 'none' || createdId(answer) === undefined)
    return exchange.reply(answer.raw);
  const fields = parseFields(answer.body.toString()) ?? {};
  const before = Array.isArray(fields['Warnings']) ? fields['Warnings'] : [];
  const warning = `${variable} is not followed: with network mode "${mode}" the container is left alone`;
  const said = JSON.stringify({ ...fields, Warnings: [...before, warning] });
  return exchange.reply(responseBytes(answer.status, answer.headers, Buffer.from(said)));
}

function createdId({ status, body }: Answer): string | undefined {
  const id = status === 201 ? parseFields(body.toString())?.['Id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

interface Naming {
  readonly rules: Rules;
  readonly dns: string | undefined;
  readonly name: string | null;
}

/** Who asks the mesh for names is called by the name that others know it by. */
function withNames(fields: Fields, host: Fields, { rules, dns, name }: Naming): Fields {
  if (rules.dns === undefined) return fields;
  const { zone } = rules.dns;
  const asks = (key: string, value: string | undefined): Fields => {
    const given = fieldOf(host, one(host, key));
    const before = Array.isArray(given) ? given : [];
    return value === undefined ? {} : { [one(host, key)]: [...before, value] };
  };
  const searches = (fieldOf(host, one(host, 'DnsSearch')) ?? []) as readonly unknown[];
  const resolving = {
    ...host,
    ...asks('Dns', dns),
    ...(searches.length === 0 && dns !== undefined ? asks('DnsSearch', zone) : {}),
  };
  const isNamed = (fieldOf(fields, one(fields, 'Hostname')) ?? '') !== '';
  const labels = fieldOf(fields, one(fields, 'Labels'));
  const called = isNamed ? undefined : hostName(rules.names, (name ?? '').replace(/^\//, ''), labels, zone);
  const domain = fieldOf(fields, one(fields, 'Domainname')) || zone;
  return {
    ...fields,
    [one(fields, 'HostConfig')]: resolving,
    ...(called === undefined
      ? {}
      : { [one(fields, 'Hostname')]: called, [one(fields, 'Domainname')]: domain }),
  };
}

/** Who is on the mesh's own network asks there; who is attached later, at the engine's bridge. */
async function dnsFor({ rules, mesh }: Parts, wish: Wish): Promise<string | undefined> {
  if (rules.dns === undefined) return undefined;
  if (wish.endpoint !== undefined && rules.dns.service !== undefined) return rules.dns.service;
  const report = await mesh.dns();
  const places = report.ok ? (report.value.server?.listening ?? []) : [];
  return places.find(({ inSwitch, port }) => !inSwitch && port === 53)?.address;
}

/** Undefined where it is something else than an object. */
function part(fields: Fields, name: string): Fields | undefined {
  const value = fieldOf(fields, one(fields, name)) ?? {};
  return isFields(value) ? value : undefined;
}

/** What the field is called. A body in which it stands several times could mean several things. */
function one(fields: Fields, name: string): string {
  const found = fieldName(fields, name);
  if (found === undefined)
    throw new Refused(400, `${name} stands several times in the description of the container`);
  return found;
}
