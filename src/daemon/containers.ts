import { endpointOf, HOST_LEG } from '../core/endpoints/attachment.ts';
import type { Problem, Result } from '../core/errors.ts';
import { LEG } from '../core/host/leg.ts';
import type { Input } from '../core/host/step.ts';
import type { Container, ContainerRuntime } from '../ports/container-runtime.ts';
import type { Log } from '../ports/log.ts';

export const BARE_PREFIX = 'netns:';

/** Where a container that was asked for is gone for good; in every other case it may come back. */
const GONE: ReadonlySet<Problem['code']> = new Set(['container-unknown', 'namespace-unknown']);
const DOWN: ReadonlySet<Problem['code']> = new Set(['container-not-running', 'container-host-network']);

export interface Containers {
  inspect(nameOrId: string): Promise<Result<Container>>;
  /** Tells the host of a container's state, now and after every change. */
  follow(id: string): void;
  stop(): void;
}

export interface ContainerOptions {
  /** Undefined where this host has no engine. */
  readonly docker: ContainerRuntime | undefined;
  readonly bare: ContainerRuntime;
  readonly log: Log;
  readonly deliver: (input: Input) => void;
}

/** The containers of this host, whatever runs them. */
export function createContainers({ docker, bare, log, deliver }: ContainerOptions): Containers {
  /** Followed containers, and how often each was looked at or heard of: an answer that comes after newer news is void. */
  const followed = new Map<string, number>();

  function inspect(nameOrId: string): Promise<Result<Container>> {
    if (nameOrId.startsWith(BARE_PREFIX)) return bare.inspect(nameOrId);
    if (docker !== undefined) return docker.inspect(nameOrId);
    const problem: Problem = {
      code: 'docker-unreachable',
      address: 'nowhere',
      why: 'the router was started without one',
    };
    return Promise.resolve({ ok: false, problem });
  }

  function count(id: string): number {
    const news = (followed.get(id) ?? 0) + 1;
    followed.set(id, news);
    return news;
  }

  function removed(id: string): void {
    followed.delete(id);
    deliver({ kind: 'container-removed', id });
  }

  async function look(id: string): Promise<void> {
    const asked = count(id);
    if (id === HOST_LEG) return deliver({ kind: 'container-started', container: LEG });
    const found = await inspect(id);
    if (followed.get(id) !== asked) return;
    if (found.ok) deliver({ kind: 'container-started', container: found.value });
    else if (GONE.has(found.problem.code)) removed(id);
    else if (DOWN.has(found.problem.code)) deliver({ kind: 'container-died', id });
    // Without an engine nothing is known: what was attached stays as it is until there is one.
    else log.warn('a container could not be looked at', { container: id, problem: found.problem.code });
  }

  const watch = (runtime: ContainerRuntime): (() => void) =>
    runtime.watch(event => {
      if (event.kind === 'look-again') for (const id of [...followed.keys()]) void look(id);
      else if (!followed.has(event.id)) return;
      else if (event.kind === 'started') void look(event.id);
      else if (event.kind === 'died') {
        count(event.id);
        deliver({ kind: 'container-died', id: event.id });
      } else removed(event.id);
    });

  const stops = [watch(bare), ...(docker === undefined ? [] : [watch(docker)])];
  return {
    inspect,
    follow(id) {
      // Of what an engine asked for, it says itself when that is over.
      if (endpointOf({ container: id }) === undefined) void look(id);
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}
