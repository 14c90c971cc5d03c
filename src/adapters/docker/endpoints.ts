import * as z from 'zod';
import { isContainerId } from '../../core/endpoints/engine-id.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type {
  EndpointEvent,
  EngineEndpoint,
  EngineEndpoints,
  Inhabitant,
} from '../../ports/engine-endpoints.ts';
import type { Log } from '../../ports/log.ts';
import { abandoned, networksOf, read } from './abandoned.ts';
import { parseInspection } from './container.ts';
import { createEngine } from './engine.ts';
import { followEvents } from './follow-events.ts';

export interface DockerEndpointsOptions {
  /** As in DOCKER_HOST. */
  readonly address: string;
  /** Of the networks that are looked at. */
  readonly driver: string;
  readonly log: Log;
}

/** By container; what is being started, or left over, is there by an id that is no container's. */
const NETWORK = z.object({
  Containers: z
    .record(z.string(), z.object({ EndpointID: z.string(), IPv4Address: z.string().default('') }))
    .nullish(),
});
const FILTERS = { type: ['network', 'container'], event: ['connect', 'rename'] };

/** The endpoints of an engine on the networks of one driver. */
export function createDockerEndpoints({ address, driver, log }: DockerEndpointsOptions): EngineEndpoints {
  const engine = createEngine(address);

  async function members(): Promise<Result<readonly (readonly [string, EngineEndpoint])[]>> {
    const ours = await networksOf(engine, driver);
    if (!ours.ok) return ours;
    const found: (readonly [string, EngineEndpoint])[] = [];
    for (const { Id } of ours.value) {
      const network = await read(engine, `/networks/${Id}`, NETWORK);
      if (!network.ok) return network;
      // It was removed meanwhile.
      for (const [key, { EndpointID, IPv4Address }] of Object.entries(network.value?.Containers ?? {}))
        found.push([key, { id: EndpointID, address: IPv4Address.split('/')[0] ?? '' }]);
    }
    return ok(found);
  }

  return {
    async list() {
      const found = await members();
      return found.ok ? ok(found.value.map(([, endpoint]) => endpoint)) : found;
    },

    async containers() {
      const found = await members();
      return found.ok ? ok(found.value.map(([key]) => key).filter(key => isContainerId(key))) : found;
    },

    async inhabitant(container): Promise<Result<Inhabitant>> {
      const unknown = refuse({ code: 'container-unknown', container });
      if (!isContainerId(container)) return unknown;
      const answer = await engine.get(`/containers/${container}/json`);
      if (!answer.ok) return answer;
      const inspection = parseInspection(answer.value.body);
      if (inspection === undefined) return unknown;
      const { aliases, endpoints, id, name } = inspection;
      return ok({ id, name, aliases, endpoints });
    },

    abandoned: () => abandoned(engine, driver),

    async start(container) {
      const answer = await engine.call('POST', `/containers/${container}/start`);
      if (!answer.ok) return answer;
      const { status, body } = answer.value;
      // 304: it runs.
      if (status === 204 || status === 304) return ok(undefined);
      const { message } = z
        .object({ message: z.string() })
        .catch({ message: `status ${status}` })
        .parse(body);
      return refuse({ code: 'docker-refused', container, why: message });
    },

    watch: listener =>
      followEvents({
        engine,
        log,
        filters: FILTERS,
        onLine: line => {
          const event = parseEvent(line, driver);
          if (event !== undefined) listener(event);
        },
        onHold: () => listener({ kind: 'look-again' }),
      }),
  };
}

const EVENT = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
});

function parseEvent(line: string, driver: string): EndpointEvent | undefined {
  let text: unknown;
  try {
    text = JSON.parse(line);
  } catch {
    return undefined;
  }
  const event = EVENT.safeParse(text);
  if (!event.success) return undefined;
  const { Type, Action, Actor } = event.data;
  if (Type === 'container' && Action === 'rename') return { kind: 'connected', container: Actor.ID };
  const { container, type } = Actor.Attributes ?? {};
  const isOurs = Type === 'network' && Action === 'connect' && type === driver;
  return isOurs && container !== undefined ? { kind: 'connected', container } : undefined;
}
