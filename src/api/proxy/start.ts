import type { Ipv4 } from '../../core/address.ts';
import { named } from './connect.ts';
import type { Answer } from './engine-link.ts';
import type { Exchange, Next } from './exchange.ts';
import { rewriteHosts } from './hosts-file.ts';
import { type Inspected, isAlone, isBridged, isOpen, readInspection } from './inspection.ts';
import type { Membership } from './membership.ts';
import type { Parts } from './rules.ts';
import { answerBytes } from './wire.ts';
import { readWish, variableIn } from './wish.ts';

/**
 * `POST /containers/ID/start` and `restart`: what was asked for is there when the client is told that the container runs, or
 * it does not run.
 */
export async function startContainer(
  parts: Parts,
  membership: Membership,
  exchange: Exchange,
  name: string,
): Promise<Next> {
  const { rules, engine } = parts;
  const body = await exchange.body();
  const container = await inspect(name);
  if (container === undefined || !isOpen(container.networkMode, rules)) {
    const answer = await exchange.ask(body);
    if (container !== undefined && !isAlone(container.networkMode) && runs(answer))
      await named(parts, container.id);
    return exchange.reply(answer.raw);
  }
  const read = readWish(container.environment, rules);
  const wish = 'wish' in read ? read.wish : undefined;
  if (wish?.endpoint !== undefined && isUnjoined(container)) {
    const failure = await membership.join(container.id, wish.endpoint);
    if (failure !== undefined) return exchange.reply(failed(failure));
  }
  const answer = await exchange.ask(body);
  if (wish === undefined || !runs(answer)) return exchange.reply(answer.raw);
  const failure = (await undone(container.id)) ?? (await membership.attach(container.id, wish, hosts));
  if (failure === undefined) {
    await named(parts, container.id);
    return exchange.reply(answer.raw);
  }
  await membership.kill(container.id);
  return exchange.reply(failed(failure));

  /** When it is known with which addresses, and before its program runs. */
  async function hosts(addresses: readonly Ipv4[]): Promise<void> {
    const { attaching } = rules;
    const now = attaching?.rewritesHosts ? await inspect(container?.id ?? name) : undefined;
    if (now === undefined || now.hostsPath === '') return;
    await rewriteHosts(now.hostsPath, now.hostNames, addresses).catch((error: unknown) =>
      parts.log.warn('the /etc/hosts of a container stays as it is', {
        container: now.id,
        error: String(error),
      }),
    );
  }

  async function inspect(id: string): Promise<Inspected | undefined> {
    const inspected = await engine.call('GET', `/containers/${encodeURIComponent(id)}/json`);
    return inspected.ok ? readInspection(inspected.value.body) : undefined;
  }

  /** Engines up to 24 take other settings with a start of an old API, and a container from its networks for them. */
  async function undone(id: string): Promise<string | undefined> {
    if (body.length === 0 || wish?.endpoint === undefined) return undefined;
    const now = await inspect(id);
    if (now === undefined || now.networks.includes(rules.network)) return undefined;
    const isAsked = isBridged(now.networkMode) || variableIn(now.environment, rules.variable) !== undefined;
    return isAsked
      ? `network mode "${now.networkMode}", given with the start, took it from there`
      : undefined;
  }

  /** This proxy made it, but ended before it was joined; others are left alone unless they ask. */
  function isUnjoined({ isRunning, networks, dns, environment }: Inspected): boolean {
    const service = rules.dns?.service;
    const isOurs =
      variableIn(environment, rules.variable) !== undefined ||
      (service !== undefined && dns.includes(service));
    return isOurs && !isRunning && !networks.includes(rules.network);
  }
}

const failed = (why: string): Buffer =>
  answerBytes(500, { message: `the container can't be put on the mesh: ${why}` });

/** 304: it ran already. */
const runs = ({ status }: Answer): boolean => status === 204 || status === 304;
