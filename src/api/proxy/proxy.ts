import type { Socket } from 'node:net';
import { ok, type Result } from '../../core/errors.ts';
import { connectContainer } from './connect.ts';
import { type Attendant, Conversation } from './conversation.ts';
import { createContainer } from './create.ts';
import { disconnectContainer } from './disconnect.ts';
import { enginePlace } from './engine-link.ts';
import type { Exchange, Next } from './exchange.ts';
import { inspectContainer } from './inspect.ts';
import { formatListenAddress, type ListenAddress } from './listen-address.ts';
import { listen, type TlsFiles } from './listener.ts';
import { Membership } from './membership.ts';
import { createNetwork, inspectNetwork, removeNetwork } from './networks.ts';
import type { Parts } from './rules.ts';
import { startContainer } from './start.ts';
import { readTarget } from './target.ts';

export interface ProxyOptions extends Parts {
  /** As in DOCKER_HOST. */
  readonly engineAddress: string;
  readonly listen: readonly ListenAddress[];
  readonly tls: TlsFiles | undefined;
}

/** Stands in front of an engine: what is asked of it passes, and its new containers are put on the mesh. */
export interface Proxy {
  /** Where it is asked, as in DOCKER_HOST, the first first. */
  readonly addresses: readonly string[];
  /** Refuses with `proxy-address`, listening nowhere then. */
  start(): Promise<Result<void>>;
  /** Ends all conversations. */
  stop(): Promise<void>;
}

export function createProxy(options: ProxyOptions): Proxy {
  const { engineAddress, log, tls } = options;
  const place = enginePlace(engineAddress);
  const attend = createAttendant(options);
  const clients = new Set<Socket>();
  let closers: (() => void)[] = [];

  const onClient = (socket: Socket): void => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    void new Conversation(socket, place, attend, log).run();
  };
  const close = (): void => {
    for (const end of closers) end();
    closers = [];
  };

  return {
    addresses: options.listen.map(formatListenAddress),
    async start() {
      const like = 'path' in place ? place.path : undefined;
      for (const address of options.listen) {
        const listening = await listen({
          address,
          tls,
          like,
          onClient,
          onError: error => log.error('the proxy can not listen any more', { error: String(error) }),
        });
        if (!listening.ok) {
          close();
          return listening;
        }
        closers.push(listening.value);
      }
      return ok(undefined);
    },
    async stop() {
      close();
      for (const socket of clients) socket.destroy();
    },
  };
}

/** The few requests that are looked into; all others pass as they are. */
function createAttendant(parts: Parts): Attendant {
  const membership = new Membership(parts);
  return async (exchange: Exchange): Promise<Next> => {
    const target = readTarget(exchange.head);
    const [kind, name = '', action, ...more] = target?.parts ?? [];
    if (target === undefined || more.length > 0) return exchange.pass();
    const { method } = exchange.head;
    if (kind === 'networks') return attendNetwork(parts, exchange, name, action);
    if (kind !== 'containers') return exchange.pass();
    if (method === 'POST' && name === 'create' && action === undefined)
      return createContainer(parts, membership, exchange, target);
    if (method === 'POST' && (action === 'start' || action === 'restart'))
      return startContainer(parts, membership, exchange, name);
    if (method === 'GET' && action === 'json' && parts.rules.rewriteInspect)
      return inspectContainer(parts, exchange);
    return exchange.pass();
  };
}

async function attendNetwork(
  parts: Parts,
  exchange: Exchange,
  name: string,
  action: string | undefined,
): Promise<Next> {
  const { method } = exchange.head;
  if (name === '') return exchange.pass();
  if (method === 'POST' && action === 'connect') return connectContainer(parts, exchange, name);
  if (method === 'POST' && action === 'disconnect') return disconnectContainer(parts, exchange, name);
  if (action !== undefined) return exchange.pass();
  if (method === 'POST' && name === 'create') return createNetwork(parts, exchange);
  if (method === 'DELETE') return removeNetwork(parts, exchange, name);
  return method === 'GET' ? inspectNetwork(parts, exchange) : exchange.pass();
}
