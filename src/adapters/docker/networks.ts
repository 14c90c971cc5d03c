import * as z from 'zod';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type {
  ContainerNetworks,
  EngineNetwork,
  EngineNetworkEvent,
  EngineNetworkSpec,
} from '../../ports/container-networks.ts';
import type { EngineAnswer } from '../../ports/engine.ts';
import type { Log } from '../../ports/log.ts';
import { createEngine } from './engine.ts';
import { followEvents } from './follow-events.ts';

const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform(value => value ?? {});

/** What `GET /networks` says of each, as far as it matters here (API 1.21 to 1.52). */
const NETWORKS = z.array(
  z.object({
    Id: z.string(),
    Name: z.string(),
    Driver: z.string(),
    Internal: z.boolean().default(false),
    Labels: texts,
    Options: texts,
    IPAM: z.object({
      Driver: z.string().default(''),
      Config: z
        .array(
          z.object({
            Subnet: z.string().default(''),
            IPRange: z.string().default(''),
            Gateway: z.string().default(''),
            AuxiliaryAddresses: texts,
          }),
        )
        .nullish(),
    }),
  }),
);

const ACTIONS = { create: 'created', destroy: 'removed' } as const;

const EVENT = z.object({
  Action: z.enum(['create', 'destroy']),
  Actor: z.object({ ID: z.string(), Attributes: z.object({ name: z.string() }) }),
});

/** The networks of a Docker engine, at an address as in DOCKER_HOST. */
export function createDockerNetworks(address: string, log: Log): ContainerNetworks {
  const engine = createEngine(address);
  return {
    async list() {
      const answer = await engine.get('/networks');
      if (!answer.ok) return answer;
      const parsed = NETWORKS.safeParse(answer.value.body);
      return parsed.success ? ok(parsed.data.map(networkOf)) : refused('all', answer.value);
    },
    async create(spec) {
      const answer = await engine.call('POST', '/networks/create', bodyOf(spec));
      if (!answer.ok) return answer;
      return answer.value.status === 201 ? ok(undefined) : refused(spec.name, answer.value);
    },
    async remove(id) {
      const answer = await engine.call('DELETE', `/networks/${id}`);
      if (!answer.ok) return answer;
      const { status } = answer.value;
      return status === 204 || status === 404 ? ok(undefined) : refused(id, answer.value);
    },
    watch: listener =>
      followEvents({
        engine,
        log,
        filters: { type: ['network'], event: Object.keys(ACTIONS) },
        onLine: line => {
          const event = parseEvent(line);
          if (event !== undefined) listener(event);
        },
        onHold: () => listener({ kind: 'look-again' }),
      }),
  };
}

function refused(network: string, { body, status }: EngineAnswer): Result<never> {
  const message = z.object({ message: z.string() }).safeParse(body);
  const why = message.success ? message.data.message : `status ${status}`;
  return refuse({ code: 'network-refused', network, why });
}

function networkOf(found: z.infer<typeof NETWORKS>[number]): EngineNetwork {
  const config = (found.IPAM.Config ?? []).filter(({ Subnet }) => Subnet !== '');
  const [first] = config;
  return {
    id: found.Id,
    name: found.Name,
    driver: found.Driver,
    ipamDriver: found.IPAM.Driver,
    subnets: config.map(({ Subnet }) => Subnet),
    range: first?.IPRange || undefined,
    gateway: first?.Gateway || undefined,
    aux: first?.AuxiliaryAddresses ?? {},
    internal: found.Internal,
    labels: found.Labels,
    options: found.Options,
  };
}

/** Body of `POST /networks/create`. `CheckDuplicate` is for engines before 25, which take two of one name otherwise. */
function bodyOf(spec: EngineNetworkSpec): object {
  const { aux, driver, gateway, internal, labels, name, options, range, subnets } = spec;
  const config = subnets.map((Subnet, index) => ({
    Subnet,
    ...(index === 0 && range !== undefined && { IPRange: range }),
    ...(index === 0 && gateway !== undefined && { Gateway: gateway }),
    ...(index === 0 && Object.keys(aux).length > 0 && { AuxiliaryAddresses: aux }),
  }));
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: driver,
    Internal: internal,
    Labels: labels,
    Options: options,
    IPAM: { Driver: driver, Config: config },
  };
}

/** One line of the engine's events; undefined for whatever else it says. */
export function parseEvent(line: string): EngineNetworkEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const event = EVENT.safeParse(value);
  if (!event.success) return undefined;
  const { Action, Actor } = event.data;
  return { kind: ACTIONS[Action], id: Actor.ID, name: Actor.Attributes.name };
}
