import { createEngine } from '../adapters/docker/engine.ts';
import type { ControlHandlers, ProxyReport } from '../api/control/contract.ts';
import type { Settings } from '../api/control/options.ts';
import { formatListenAddress, type ListenAddress } from '../api/proxy/listen-address.ts';
import { createProxy } from '../api/proxy/proxy.ts';
import type { Attaching, DriverCalls } from '../api/proxy/rules.ts';
import { type Cidr, serviceAddress } from '../core/address.ts';
import { ok, type Result, refuse } from '../core/errors.ts';
import type { Log } from '../ports/log.ts';

export interface ProxyParts {
  readonly settings: Settings;
  readonly handlers: ControlHandlers;
  readonly drivers: DriverCalls;
  readonly defaultSubnet: Cidr | undefined;
  readonly log: Log;
}

export interface RouterProxy {
  start(): Promise<Result<void>>;
  stop(): Promise<void>;
}

const NONE: RouterProxy = { start: async () => ok(undefined), stop: async () => {} };

/** Where this router's Docker proxy is asked; refused where it has none. */
export function proxyReport(settings: Settings): Result<ProxyReport> {
  return hasProxy(settings)
    ? ok({ addresses: listenAddresses(settings).map(formatListenAddress) })
    : refuse({ code: 'proxy-off' });
}

/** Its own socket first, where it has one. */
function listenAddresses({ profile, proxyListen, runDir }: Settings): readonly ListenAddress[] {
  const { proxySocket: name } = profile;
  return name === undefined ? proxyListen : [{ kind: 'unix', path: `${runDir}/${name}` }, ...proxyListen];
}

/** Without the drivers there are no networks that it could put containers on. */
const hasProxy = ({ proxy, plugin, docker }: Settings): boolean => proxy && plugin && docker !== '';

export function createRouterProxy({
  settings,
  handlers,
  drivers,
  defaultSubnet: subnet,
  log,
}: ProxyParts): RouterProxy {
  if (!hasProxy(settings)) return NONE;
  const { profile } = settings;
  return createProxy({
    engineAddress: settings.docker,
    engine: createEngine(settings.docker),
    listen: listenAddresses(settings),
    tls: tlsFiles(settings),
    mesh: handlers,
    drivers,
    rules: {
      variable: `${profile.environmentPrefix}CIDR`,
      network: profile.network,
      driver: profile.driver,
      multicastOption: profile.multicastOption,
      subnet,
      isDefault: settings.ipamDefault,
      dns:
        settings.dns && settings.proxyDns
          ? { zone: settings.dnsDomain, service: subnet && serviceAddress(subnet) }
          : undefined,
      names: {
        label: settings.hostnameLabel,
        match: new RegExp(settings.hostnameMatch),
        replacement: settings.hostnameReplacement,
      },
      rewriteInspect: settings.rewriteInspect,
      attaching: attachingOf(settings),
      patienceMs: profile.waitFolder === undefined ? undefined : settings.ipamTimeout * 1_000,
    },
    log,
  });
}

function attachingOf({ multicastRoute: multicast, profile, proxyHosts }: Settings): Attaching | undefined {
  const { waitFolder: folder } = profile;
  return folder === undefined ? undefined : { folder, rewritesHosts: proxyHosts, multicast };
}

function tlsFiles({ tlsVerify, tlsCaCert: ca, tlsCert: cert, tlsKey: key }: Settings) {
  return tlsVerify && ca !== undefined && cert !== undefined && key !== undefined
    ? { ca, cert, key }
    : undefined;
}
