import type { IpamReport, Report } from '../../src/core/report.ts';
import { conflictsOf, renderConflict } from './conflicts.ts';
import { renderLabel } from './label.ts';

type Share = IpamReport['shares'][number];

/** One peer a line, in the layout of `weave status ipam`; then what stands in the way, if anything does. */
export function renderIpam(report: Report): string {
  const { ipam } = report;
  if (ipam === undefined) return 'this router gives out no addresses (--ipalloc-range is empty)';
  const total = totalOf(ipam.universe);
  const rows = ipam.shares.map((share, index) =>
    renderShare(share, total, index === 0 ? ipam.given : undefined),
  );
  const state = ipam.state === 'ready' ? [] : [`${ipam.state}: ${ipam.why ?? ''}`];
  const strangers = ipam.strangers.map(stranger => renderStranger(ipam, stranger));
  const conflicts = conflictsOf(report)
    .filter(({ managed }) => managed)
    .map(renderConflict);
  return [...rows, ...state, ...strangers, ...conflicts].join('\n');
}

/** One line for `status`. */
export function ipamState({ shares, state, why }: IpamReport): string {
  if (state !== 'ready') return `${state}: ${why ?? ''}`;
  const holders = shares.filter(({ addresses }) => addresses > 0);
  return holders.every(({ reachable }) => !reachable)
    ? 'all space is held by peers out of reach; "mesh rmpeer" those that are gone for good'
    : state;
}

/** `given` is known of this host alone. */
function renderShare(
  { peer, addresses, reachable }: Share,
  total: number,
  given: number | undefined,
): string {
  const percent = ((100 * addresses) / total).toFixed(1).padStart(4, '0');
  const active = given === undefined ? '' : ` (${given} active)`;
  const absent = reachable ? '' : ' - unreachable!';
  return `${renderLabel(peer).padEnd(37)} ${`${addresses}`.padStart(8)} IPs (${percent}% of total)${active}${absent}`;
}

function renderStranger(own: IpamReport, stranger: IpamReport['strangers'][number]): string {
  const theirs = renderDivision(stranger);
  const ours = renderDivision(own);
  return `warning: ${renderLabel(stranger.peer)} divided ${theirs}, and this host ${ours}: neither gets addresses of the other; "mesh reset" the one that came later, and launch it again`;
}

const renderDivision = ({ universe, seeds }: Pick<IpamReport, 'universe' | 'seeds'>): string =>
  seeds.length === 0 ? universe : `${universe} among ${seeds.join(', ')}`;

/** How many addresses there are in a range. */
const totalOf = (cidr: string): number => 2 ** (32 - Number(cidr.split('/')[1]));
