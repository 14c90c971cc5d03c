import { parseSettings } from '../../src/api/control/settings.ts';
import type { Ipv4 } from '../../src/core/address.ts';
import { describe, ok } from '../../src/core/errors.ts';
import type { Report } from '../../src/core/report.ts';
import type { Check, DoctorContext, Machine, RunningRouter } from '../../src/daemon/doctor/check.ts';
import { runChecks } from '../../src/daemon/doctor/doctor.ts';
import { REPORT } from './fake-router.ts';

/** A host with nothing in the way, on which no router has ever run, but for what `given` says. */
export function fakeMachine(given: Partial<Machine> = {}): Machine {
  return {
    capable: true,
    contained: false,
    engine: undefined,
    hasProgram: () => true,
    features: async () => [{ name: 'bridges', problem: undefined }],
    rules: async () => ok({ json: { nftables: [] }, text: '' }),
    legacyTables: () => [],
    dataAddress: () => '192.168.48.11' as Ipv4,
    underlay: async () => ({ device: 'eth0', mtu: 1500, up: true }),
    portHolder: async () => undefined,
    switchLeft: async () => ({ pinned: false, ports: [], containers: [] }),
    stateHolder: async () => undefined,
    space: async path => ({
      path,
      exists: true,
      freeBytes: 2 ** 30,
      freeFiles: 10_000,
      unwritable: undefined,
    }),
    isShared: () => true,
    lastError: () => undefined,
    ...given,
  };
}

/** A router that says `report`, with nothing in its data plane. */
export function fakeRunning(report: Partial<Report>, given: Partial<RunningRouter> = {}): RunningRouter {
  return {
    health: { version: '0.1.0', pid: 812, state: 'ready', how: 'native' },
    report: { ...REPORT, connections: [], peers: [], endpoints: [], dormant: [], ...report },
    dataplane: {
      inspection: { forwarding: { peers: [], networks: [] }, attachments: [] },
      counters: {},
      mended: [],
    },
    ...given,
  };
}

/** What one check finds: a line each, level, sentence, cure. */
export async function findingsOf(
  check: Check,
  machine: Partial<Machine>,
  router?: RunningRouter,
  context: Partial<DoctorContext> = {},
): Promise<readonly string[]> {
  const settings = parseSettings([], {});
  if (!settings.ok) throw new Error(describe(settings.problem));
  const findings = await runChecks([check], {
    settings: settings.value,
    router,
    machine: fakeMachine(machine),
    reportAgain: async () => router?.report,
    pause: async () => undefined,
    ...context,
  });
  return findings.map(({ level, what, cure }) =>
    [level, what, ...(cure === undefined ? [] : [cure])].join(' | '),
  );
}
