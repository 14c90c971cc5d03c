import { compare } from '../../src/core/address.ts';
import type { EndpointReport, Report } from '../../src/core/report.ts';
import { shortId } from './label.ts';

/** What the host's own leg is called, as if it were a container. */
export const HOST = 'mesh:expose';

/** A container of this host that is attached. */
export interface Attached {
  readonly container: string;
  readonly containerName: string;
  readonly mac: string;
  /** With prefix. */
  readonly addresses: readonly string[];
}

/** What is attached on this host now, sorted by what users call it, then by address. */
export function attachedOf({ endpoints, self }: Report): readonly Attached[] {
  const own = endpoints.filter(({ host, conflict }) => host.id === self.id && conflict === undefined);
  return [...Map.groupBy(own, ({ container }) => container)]
    .map(([container, mine]) => ({
      container,
      containerName: mine[0]!.containerName,
      mac: mine[0]!.mac,
      addresses: mine.map(cidrOf),
    }))
    .sort((a, b) => compare(labelOf(a), labelOf(b)) || compare(a.addresses.join(), b.addresses.join()));
}

/** The layout of `weave ps`: `label` is what the container is called where it is given. */
export function renderAttached(attached: Attached, label = labelOf(attached)): string {
  return [label, attached.mac, ...attached.addresses].join(' ');
}

const cidrOf = ({ address, prefix }: EndpointReport): string => `${address}/${prefix}`;

/** As engines shorten their ids; what is no id of an engine says nothing when it is cut. Users know no ids of endpoints. */
function labelOf({ container, containerName }: Attached): string {
  if (container.startsWith('endpoint:')) return containerName;
  return /^[0-9a-f]{64}$/.test(container) ? shortId(container) : container;
}
