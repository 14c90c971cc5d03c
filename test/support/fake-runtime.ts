import { ok, type Problem, refuse } from '../../src/core/errors.ts';
import type { Container, ContainerEvent, ContainerRuntime } from '../../src/ports/container-runtime.ts';

export interface FakeRuntime extends ContainerRuntime {
  /** Starts a container, or starts it again in a new namespace (unless `sandbox` names one). */
  start(name: string, options?: { readonly sandbox?: string; readonly hostNetwork?: boolean }): Container;
  /** The container ends, and may be started again. */
  die(name: string): void;
  remove(name: string): void;
  /** What `inspect` refuses with from now on, e.g. `docker-unreachable`; undefined: nothing. */
  fail(problem: Problem | undefined): void;
  lookAgain(): void;
}

interface FakeContainer extends Container {
  readonly running: boolean;
  readonly hostNetwork: boolean;
}

/** Containers in memory. Events are told before the call that causes them returns. */
export function createFakeRuntime(): FakeRuntime {
  const containers = new Map<string, FakeContainer>();
  const listeners = new Set<(event: ContainerEvent) => void>();
  let problem: Problem | undefined;
  let made = 0;
  const tell = (event: ContainerEvent): void => {
    for (const listener of listeners) listener(event);
  };

  function find(nameOrId: string): FakeContainer | undefined {
    const exact = containers.get(nameOrId);
    if (exact !== undefined || nameOrId === '') return exact;
    const found = [...containers.values()].filter(container => container.id.startsWith(nameOrId));
    return found.length === 1 ? found[0] : undefined;
  }

  return {
    async inspect(nameOrId) {
      if (problem !== undefined) return refuse(problem);
      const found = find(nameOrId);
      if (found === undefined) return refuse({ code: 'container-unknown', container: nameOrId });
      if (found.hostNetwork) return refuse({ code: 'container-host-network', container: nameOrId });
      if (!found.running) {
        return refuse({ code: 'container-not-running', container: nameOrId, state: 'exited' });
      }
      return ok({ id: found.id, name: found.name, sandbox: found.sandbox });
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start(name, options = {}) {
      made += 1;
      const id = containers.get(name)?.id ?? made.toString(16).padStart(4, '0').padEnd(64, '0');
      const sandbox = options.sandbox ?? `/run/docker/netns/${made}`;
      containers.set(name, { id, name, sandbox, running: true, hostNetwork: options.hostNetwork ?? false });
      tell({ kind: 'started', id });
      return { id, name, sandbox };
    },
    die(name) {
      const container = containers.get(name);
      if (container === undefined || !container.running) return;
      containers.set(name, { ...container, running: false });
      tell({ kind: 'died', id: container.id });
    },
    remove(name) {
      const container = containers.get(name);
      if (container === undefined) return;
      containers.delete(name);
      if (container.running) tell({ kind: 'died', id: container.id });
      tell({ kind: 'removed', id: container.id });
    },
    fail(next) {
      problem = next;
    },
    lookAgain: () => tell({ kind: 'look-again' }),
  };
}
