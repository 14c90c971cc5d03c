import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Container, ContainerRuntime } from '../../ports/container-runtime.ts';
import type { Log } from '../../ports/log.ts';
import { type Inspection, parseInspection } from './container.ts';
import { createEngine, type Engine } from './engine.ts';
import { ACTIONS, parseEvent } from './event.ts';
import { followEvents } from './follow-events.ts';

export interface DockerRuntimeOptions {
  /** As in DOCKER_HOST: `unix:///var/run/docker.sock` or `tcp://HOST:PORT`. */
  readonly address: string;
  readonly log: Log;
}

/** A container in the namespace of another, which is in that of a third ...: engines allow one such step. */
const LONGEST_CHAIN = 4;

const FILTERS = { type: ['container'], event: ACTIONS };

/**
 * The containers of a Docker engine, which may come later, go and come back. `watch` says `look-again` whenever it
 * has got hold of the engine, the first time as well. `docker-refused` means an ambiguous id or an engine in trouble.
 */
export function createDockerRuntime(options: DockerRuntimeOptions): ContainerRuntime {
  const engine = createEngine(options.address);
  return {
    inspect: nameOrId => inspect(engine, nameOrId),
    watch: listener => {
      const onLine = (line: string): void => {
        const event = parseEvent(line);
        if (event === undefined) options.log.debug('an event that says nothing here', { line });
        else listener(event);
      };
      const onHold = (): void => listener({ kind: 'look-again' });
      return followEvents({ engine, log: options.log, filters: FILTERS, onLine, onHold });
    },
  };
}

async function inspect(engine: Engine, nameOrId: string): Promise<Result<Container>> {
  const asked = await ask(engine, nameOrId);
  if (!asked.ok) return asked;
  let holder = asked.value;
  for (let step = 0; holder.networkMode.startsWith('container:') && step < LONGEST_CHAIN; step += 1) {
    const next = await ask(engine, holder.networkMode.slice('container:'.length));
    if (!next.ok) return next;
    holder = next.value;
  }
  const { aliases, id, name, state } = asked.value;
  if (holder.networkMode === 'host') return refuse({ code: 'container-host-network', container: nameOrId });
  if (state !== 'running') return refuse({ code: 'container-not-running', container: nameOrId, state });
  if (holder.sandbox === undefined) {
    const what =
      holder === asked.value ? 'starting' : `in the network of "${holder.name}", which is ${holder.state}`;
    return refuse({ code: 'container-not-running', container: nameOrId, state: what });
  }
  return ok({ id, name, aliases, sandbox: holder.sandbox });
}

async function ask(engine: Engine, nameOrId: string): Promise<Result<Inspection>> {
  const unknown = refuse({ code: 'container-unknown', container: nameOrId });
  // What can't be a name is not put into a path.
  if (!/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(nameOrId)) return unknown;
  const answer = await engine.get(`/containers/${nameOrId.replace(/^\//, '')}/json`);
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  if (status === 404) return unknown;
  const inspection = status === 200 ? parseInspection(body) : undefined;
  if (inspection !== undefined) return ok(inspection);
  return refuse({ code: 'docker-refused', container: nameOrId, why: message(body) ?? `status ${status}` });
}

function message(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('message' in body)) return undefined;
  return String(body.message);
}
