import type { Result } from '../core/errors.ts';

/**
 * How a driver refuses a call that an engine makes again after the router that it was made of has died: engines send the second
 * time no body, so nobody can know what was asked. What an engine gave up on for it is known by these words.
 */
export const CUT_OFF = 'the router ended in the middle of this call; do the same again';

/** One that an engine has on a network of one of our drivers. */
export interface EngineEndpoint {
  readonly id: string;
  /** Without a prefix; empty where it has none. */
  readonly address: string;
}

/** A container, and which endpoints are its. */
export interface Inhabitant {
  readonly id: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly endpoints: readonly string[];
}

export type EndpointEvent =
  /** A container was connected to one of our networks, or has another name. */
  | { readonly kind: 'connected'; readonly container: string }
  /** Events were missed: look at everything again. */
  | { readonly kind: 'look-again' };

/** What an engine knows of the endpoints that it has asked us for. */
export interface EngineEndpoints {
  /** All of them. Refuses with `docker-unreachable`, `docker-refused`. */
  list(): Promise<Result<readonly EngineEndpoint[]>>;
  /** Refuses with `container-unknown`, `docker-unreachable`, `docker-refused`. */
  inhabitant(container: string): Promise<Result<Inhabitant>>;
  /** Of the containers on our networks that run. Refuses as `list`. */
  containers(): Promise<Result<readonly string[]>>;
  /**
   * Those on our networks that should run, and that the engine has given up starting for want of our drivers. Refuses as
   * `list`.
   */
  abandoned(): Promise<Result<readonly Pick<Inhabitant, 'id' | 'name'>[]>>;
  /** Refuses with `docker-unreachable`, `docker-refused`. */
  start(container: string): Promise<Result<void>>;
  /** Calls back on changes until the returned function is called. Reconnects by itself. */
  watch(listener: (event: EndpointEvent) => void): () => void;
}
