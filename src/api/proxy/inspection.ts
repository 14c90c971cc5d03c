import { isObject } from '../../core/json.ts';
import type { Fields } from './json.ts';
import type { Rules } from './rules.ts';

/** What the engine says of a container, as far as it matters to who joins it to the mesh. */
export interface Inspected {
  readonly id: string;
  readonly networkMode: string;
  readonly environment: unknown;
  readonly dns: readonly unknown[];
  readonly isRunning: boolean;
  /** Where the engine keeps its /etc/hosts, on the engine's host; empty where it has none. */
  readonly hostsPath: string;
  /** How it calls itself, in full first. */
  readonly hostNames: readonly string[];
  /** Names of its networks. */
  readonly networks: readonly string[];
}

const objectIn = (value: unknown, name: string): Fields => {
  const inner = isObject(value) ? value[name] : undefined;
  return isObject(inner) ? inner : {};
};

const textIn = (value: unknown, name: string): string => {
  const inner = isObject(value) ? value[name] : undefined;
  return typeof inner === 'string' ? inner : '';
};

function hostNames(config: Fields): readonly string[] {
  const [host, domain] = [textIn(config, 'Hostname'), textIn(config, 'Domainname')];
  const short = host.split('.')[0] ?? '';
  const full = domain === '' ? host : `${host}.${domain}`;
  return [...new Set([full, short])].filter(name => name !== '');
}

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
    hostsPath: textIn(body, 'HostsPath'),
    hostNames: hostNames(objectIn(body, 'Config')),
    networks: Object.keys(objectIn(objectIn(body, 'NetworkSettings'), 'Networks')),
  };
}

/** In these modes a container has the engine's own bridge, and takes other networks beside it. */
export const isBridged = (networkMode: string): boolean => ['', 'default', 'bridge'].includes(networkMode);

/** In these it can be put on the mesh: without any network, it can still be attached. */
export const isOpen = (networkMode: string, { attaching }: Pick<Rules, 'attaching'>): boolean =>
  isBridged(networkMode) || (attaching !== undefined && networkMode === 'none');

/** In these it has no network of its own, or none at all. */
export const isAlone = (networkMode: string): boolean => /^(none|host|container:.*)$/.test(networkMode);
