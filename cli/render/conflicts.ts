import { contains, parseCidr } from '../../src/core/address.ts';
import type { EndpointReport, Report } from '../../src/core/report.ts';
import { renderLabel } from './label.ts';

/** Two containers have one address: what that means, and what ends it. */
export interface Conflict {
  readonly lost: EndpointReport;
  /** Whether it is among the addresses that the mesh gives out itself. */
  readonly managed: boolean;
  readonly what: string;
  readonly cure: string;
}

/** Those of the whole mesh, in the order of addresses. */
export function conflictsOf(report: Report): readonly Conflict[] {
  return report.endpoints.flatMap(lost => {
    const { conflict } = lost;
    if (conflict === undefined) return [];
    const holder = `${conflict.containerName} on ${renderLabel(conflict.host)}`;
    const loser = `${lost.containerName} on ${renderLabel(lost.host)}`;
    const what = `${lost.address} of network ${lost.network} is held by ${holder}, whose traffic goes on; ${loser} claims it too and has lost it`;
    const managed = isManaged(report, lost);
    return [{ lost, managed, what, cure: cureOf(report, lost, managed) }];
  });
}

function isManaged({ ipam }: Report, { address }: EndpointReport): boolean {
  const universe = ipam && parseCidr(ipam.universe);
  return universe !== undefined && contains(universe, address);
}

function cureOf({ self }: Report, lost: EndpointReport, managed: boolean): string {
  const where = lost.host.id === self.id ? 'this host' : renderLabel(lost.host);
  return managed
    ? `"mesh ipam repair" on ${where}`
    : `"mesh detach ${lost.address}/${lost.prefix} ${lost.containerName}" on ${where}, and attach it with another address`;
}

/** One line each. */
export const renderConflict = ({ what, cure }: Conflict): string => `conflict: ${what}; ${cure}`;
