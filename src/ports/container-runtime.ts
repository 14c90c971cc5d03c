import type { Result } from '../core/errors.ts';

/** A running container with a network namespace of its own, or a bare namespace that stands for one. */
export interface Container {
  /** 64 hex digits from an engine; `netns:PATH` for a bare namespace. */
  readonly id: string;
  readonly name: string;
  /** Its host name, if it was given one, and what its networks call it. */
  readonly aliases?: readonly string[];
  /** Path of the network namespace; changes when the container restarts. */
  readonly sandbox: string;
}

export type ContainerEvent =
  | { readonly kind: 'started'; readonly id: string }
  | { readonly kind: 'died'; readonly id: string }
  | { readonly kind: 'removed'; readonly id: string }
  /** Events were missed (the engine restarted): look at everything again. */
  | { readonly kind: 'look-again' };

/** What runs the containers of this host. Implemented for Docker and for bare namespaces. */
export interface ContainerRuntime {
  /**
   * Finds a container by name, id or unique prefix of its id. Refuses with `container-unknown`, `container-not-running`,
   * `container-host-network`, `namespace-unknown`, `docker-unreachable`, `docker-refused`. A paused container runs.
   */
  inspect(nameOrId: string): Promise<Result<Container>>;
  /** Calls back on changes, in their order, until the returned function is called. Reconnects by itself. */
  watch(listener: (event: ContainerEvent) => void): () => void;
}
