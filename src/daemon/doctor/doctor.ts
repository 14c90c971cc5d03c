import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../api/control/client.ts';
import { type Finding, sortFindings } from '../../api/control/finding.ts';
import type { Settings } from '../../api/control/options.ts';
import { controlSocket } from '../../api/control/settings.ts';
import type { Check, DoctorContext, RunningRouter } from './check.ts';
import { connections } from './checks/connections.ts';
import { drift } from './checks/drift.ts';
import { endpoints } from './checks/endpoints.ts';
import { engine } from './checks/engine.ts';
import { firewall } from './checks/firewall.ts';
import { kernel } from './checks/kernel.ts';
import { leftovers } from './checks/leftovers.ts';
import { permission } from './checks/permission.ts';
import { ports } from './checks/ports.ts';
import { programs } from './checks/programs.ts';
import { router } from './checks/router.ts';
import { state } from './checks/state.ts';
import { underlay } from './checks/underlay.ts';
import { thisMachine } from './machine.ts';

/** In the order in which they are told: what everything else needs comes first. */
const CHECKS: readonly Check[] = [
  ...[permission, programs, kernel, ports, firewall, engine, state],
  ...[router, leftovers, underlay, connections, endpoints, drift],
];

/** Looks at this host, and at the router that runs here, if one does. Changes nothing. */
export async function examine(settings: Settings): Promise<readonly Finding[]> {
  const socket = controlSocket(settings.runDir);
  return runChecks(CHECKS, {
    settings,
    router: await askRouter(socket),
    machine: thisMachine(settings),
    async reportAgain() {
      const report = await ask(socket, 'report');
      return report.ok ? report.value : undefined;
    },
    pause: ms => sleep(ms),
  });
}

/** One that fails says so, and is no reason to leave out the others. */
export async function runChecks(
  checks: readonly Check[],
  context: DoctorContext,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, run } of checks) {
    const found = await run(context).catch((error: Error) => [
      { level: 'note' as const, what: `this could not be looked at: ${error.message}` },
    ]);
    findings.push(...found.map(each => ({ ...each, check: name })));
  }
  return sortFindings(findings);
}

async function askRouter(socket: string): Promise<RunningRouter | undefined> {
  const health = await ask(socket, 'health');
  if (!health.ok) return undefined;
  const report = await ask(socket, 'report');
  const dataplane = await ask(socket, 'dataplane');
  return report.ok && dataplane.ok
    ? { health: health.value, report: report.value, dataplane: dataplane.value }
    : undefined;
}
