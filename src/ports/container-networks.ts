import type { Result } from '../core/errors.ts';

/** What a network of the engine is to be like. Addresses and subnets as text. */
export interface EngineNetworkSpec {
  readonly name: string;
  readonly driver: string;
  readonly subnets: readonly string[];
  /** Of the first subnet. */
  readonly range: string | undefined;
  readonly gateway: string | undefined;
  readonly aux: Readonly<Record<string, string>>;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Of the driver. */
  readonly options: Readonly<Record<string, string>>;
}

/** A network that the engine of this host has. */
export interface EngineNetwork extends EngineNetworkSpec {
  readonly id: string;
  readonly ipamDriver: string;
}

export type EngineNetworkEvent =
  | { readonly kind: 'created' | 'removed'; readonly id: string; readonly name: string }
  /** Events were missed (the engine restarted): look at everything again. */
  | { readonly kind: 'look-again' };

/** The networks that the engine of this host knows. Each call refuses with `docker-unreachable` or `network-refused`. */
export interface ContainerNetworks {
  list(): Promise<Result<readonly EngineNetwork[]>>;
  /** Addresses come from a driver of the same name. */
  create(spec: EngineNetworkSpec): Promise<Result<void>>;
  /** One that is not there is as good as removed. */
  remove(id: string): Promise<Result<void>>;
  /** Calls back on changes, in their order, until the returned function is called. Reconnects by itself. */
  watch(listener: (event: EngineNetworkEvent) => void): () => void;
}
