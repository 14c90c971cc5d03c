import type { ControlHandlers } from '../api/control/contract.ts';
import type { Settings } from '../api/control/options.ts';
import { createWeaveHttp, type WeaveHttp } from '../api/weave/http/server.ts';
import type { Known } from '../api/weave/known.ts';
import { formatCidr } from '../core/address.ts';
import { ok, type Result } from '../core/errors.ts';
import type { Log } from '../ports/log.ts';

export interface HttpParts {
  readonly settings: Settings;
  readonly handlers: ControlHandlers;
  /** In ms since 1970. */
  now(): number;
  readonly log: Log;
}

const SILENT: WeaveHttp = { start: async () => ok(undefined), stop: async () => {} };

/** What Weave's router answers by HTTP, where that was asked for. */
export function createRouterHttp({ settings, handlers, now, log }: HttpParts): WeaveHttp {
  const { httpAddresses: control, statusAddresses: status } = settings;
  if (control.length + status.length === 0) return SILENT;

  async function known(): Promise<Result<Known>> {
    const [report, dns, proxy] = await Promise.all([handlers.report(), handlers.dns(), handlers.proxy()]);
    if (!report.ok) return report;
    const { driver, network } = settings.profile;
    return ok({
      report: report.value,
      now: now(),
      dns: dns.ok ? dns.value : undefined,
      proxy: proxy.ok ? proxy.value : undefined,
      plugin: settings.plugin && settings.docker !== '' ? { driver: network, meshDriver: driver } : undefined,
      trustedSubnets: settings.trustedSubnets.map(formatCidr),
    });
  }

  return createWeaveHttp({ control, status, known, handlers, log });
}
