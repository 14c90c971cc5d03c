import { parseCidr, serviceAddress } from '../../core/address.ts';
import type { Answer } from './engine-link.ts';
import { type Exchange, type Next, Refused } from './exchange.ts';
import { one, part, read } from './fields.ts';
import { hostName } from './hostname.ts';
import { isAlone, isOpen } from './inspection.ts';
import { type Fields, isFields, parseFields } from './json.ts';
import type { Membership } from './membership.ts';
import { meshNetwork, networkPath } from './networks.ts';
import type { Parts, Rules } from './rules.ts';
import type { Target } from './target.ts';
import { withWait } from './wait.ts';
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
  const mode = String(read(host, 'NetworkMode') ?? '');
  const environment = read(fields, 'Env');
  const name = query.get('name');
  if (!isOpen(mode, rules)) {
    const dns =
      isAlone(mode) || isUnwanted(environment, rules) ? undefined : await dnsOn(parts, exchange, mode);
    const sent =
      dns === undefined ? body : Buffer.from(JSON.stringify(withNames(fields, host, { rules, dns, name })));
    return leaveAlone(exchange, sent, rules, { environment, mode });
  }
  const asked = readWish(environment, rules);
  if ('wrong' in asked) throw new Refused(400, asked.wrong);
  const { wish } = asked;
  if (wish === undefined) return exchange.reply((await exchange.ask(body)).raw);
  const dns = await dnsFor(parts, wish);
  const named = withNames(fields, host, { rules, dns, name });
  const sent = rules.attaching ? withWait(named, await imageOf(parts, fields), rules.attaching) : named;
  const answer = await exchange.ask(Buffer.from(JSON.stringify(sent)));
  const id = createdId(answer);
  if (id === undefined) return exchange.reply(answer.raw);
  const failure = (await foresee(id, wish)) ?? (wish.endpoint && (await membership.join(id, wish.endpoint)));
  if (failure === undefined) return exchange.reply(answer.raw);
  await membership.remove(id);
  return exchange.reply(answerBytes(500, { message: `the container can't be put on the mesh: ${failure}` }));

  /** Who waits for the network in the container need not be spared the start. */
  async function foresee(owner: string, wanted: Wish): Promise<string | undefined> {
    return rules.attaching === undefined ? membership.foresee(owner, wanted) : undefined;
  }
}

/** The settings of the image that the container is to be made of; undefined where the engine has none, and so refuses it. */
async function imageOf({ engine }: Parts, fields: Fields): Promise<Fields | undefined> {
  const image = String(read(fields, 'Image') ?? '');
  const found = await engine.call('GET', `/images/${encodeURIComponent(image)}/json`);
  const body = found.ok && found.value.status === 200 ? found.value.body : undefined;
  return isFields(body) ? part(body, 'Config') : undefined;
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
  if (asked === undefined || isUnwanted(environment, { variable }) || createdId(answer) === undefined)
    return exchange.reply(answer.raw);
  const fields = parseFields(answer.body.toString()) ?? {};
  const before = Array.isArray(fields['Warnings']) ? fields['Warnings'] : [];
  const warning = `${variable} is not followed: with network mode "${mode}" the container is left alone`;
  const said = JSON.stringify({ ...fields, Warnings: [...before, warning] });
  return exchange.reply(responseBytes(answer.status, answer.headers, Buffer.from(said)));
}

const isUnwanted = (environment: unknown, { variable }: Pick<Rules, 'variable'>): boolean =>
  variableIn(environment, variable)?.trim() === 'none';

function createdId({ status, body }: Answer): string | undefined {
  const id = status === 201 ? parseFields(body.toString())?.['Id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

interface Naming {
  readonly rules: Rules;
  readonly dns: string | undefined;
  readonly name: string | null;
}

/** For engines: `search` is left out of resolv.conf(5). */
const NO_SEARCH = '.';

/** Who asks the mesh for names is called by the name that others know it by. */
function withNames(fields: Fields, host: Fields, { rules, dns, name }: Naming): Fields {
  if (rules.dns === undefined) return fields;
  const { zone } = rules.dns;
  const asks = (key: string, value: string | undefined): Fields => {
    const given = read(host, key);
    const before = Array.isArray(given) ? given : [];
    return value === undefined ? {} : { [one(host, key)]: [...before, value] };
  };
  const searches = (read(host, 'DnsSearch') ?? []) as readonly unknown[];
  // Whose host name says where it is looks there: resolvers do so where they are told of no domain.
  const isPlaced = String(read(fields, 'Hostname') ?? '').includes('.');
  const resolving = {
    ...host,
    ...asks('Dns', dns),
    ...(searches.length === 0 && dns !== undefined ? asks('DnsSearch', isPlaced ? NO_SEARCH : zone) : {}),
  };
  const isNamed = (read(fields, 'Hostname') ?? '') !== '';
  const labels = read(fields, 'Labels');
  const called = isNamed ? undefined : hostName(rules.names, (name ?? '').replace(/^\//, ''), labels, zone);
  const domain = read(fields, 'Domainname') || zone;
  return {
    ...fields,
    [one(fields, 'HostConfig')]: resolving,
    ...(called === undefined
      ? {}
      : { [one(fields, 'Hostname')]: called, [one(fields, 'Domainname')]: domain }),
  };
}

/** Who is on a network of the mesh asks there. */
async function dnsOn(parts: Parts, exchange: Exchange, mode: string): Promise<string | undefined> {
  if (parts.rules.dns === undefined) return undefined;
  const found = meshNetwork(parts, await exchange.look(networkPath(mode)));
  const report = found && (await parts.mesh.report());
  const network = report?.ok ? report.value.networks.find(({ name }) => name === found?.name) : undefined;
  const subnet = parseCidr(network?.subnets[0] ?? '');
  return subnet && serviceAddress(subnet);
}

/** Who is on the mesh's own network asks there; who is attached later, at the engine's bridge. */
async function dnsFor({ rules, mesh }: Parts, wish: Wish): Promise<string | undefined> {
  if (rules.dns === undefined) return undefined;
  if (wish.endpoint !== undefined && rules.dns.service !== undefined) return rules.dns.service;
  const report = await mesh.dns();
  const places = report.ok ? (report.value.server?.listening ?? []) : [];
  return places.find(({ inSwitch, port }) => !inSwitch && port === 53)?.address;
}
