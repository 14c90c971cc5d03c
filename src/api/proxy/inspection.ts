import { isObject } from '../../core/json.ts';
import type { Fields } from './json.ts';

/** What the engine says of a container, as far as it matters to who joins it to the mesh. */
export interface Inspected {
  readonly id: string;
  readonly networkMode: string;
  readonly environment: unknown;
  readonly dns: readonly unknown[];
  readonly isRunning: boolean;
  /** Names of its networks. */
  readonly networks: readonly string[];
}

const objectIn = (value: unknown, name: string): Fields => {
  const inner = isObject(value) ? value[name] : undefined;
  return isObject(inner) ? inner : {};
};

/** Undefined where it is no inspection. */
export function readInspection(body: unknown): Inspected | undefined {
  const id = isObject(body) ? body['Id'] : undefined;
  if (typeof id !== 'string') return undefined;
  const host = objectIn(body, 'HostConfig');
  const dns = host['Dns'];
  return {
    id,
    networkMode: String(host['NetworkMode'] ?? ''),
    environment: objectIn(body, 'Config')['Env'],
    dns: Array.isArray(dns) ? dns : [],
    isRunning: objectIn(body, 'State')['Running'] === true,
    networks: Object.keys(objectIn(objectIn(body, 'NetworkSettings'), 'Networks')),
  };
}

/** In these modes a container has the engine's own bridge, and takes other networks beside it. */
export const isBridged = (networkMode: string): boolean => ['', 'default', 'bridge'].includes(networkMode);

/** In these it has no network of its own, or none at all. */
export const isAlone = (networkMode: string): boolean => /^(none|host|container:.*)$/.test(networkMode);
