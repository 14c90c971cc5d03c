import type { Finding } from '../../src/api/control/finding.ts';
import { compare } from '../../src/core/address.ts';
import type { IpamReport, PeerLabel, Report } from '../../src/core/report.ts';
import { conflictsOf } from './conflicts.ts';
import { renderLabel } from './label.ts';

/** How the address ring stands, in words, and what to type about it: the worst first, then in the order of this list. */
export function ringFindings(report: Report): readonly Finding[] {
  const { ipam } = report;
  if (ipam === undefined)
    return [
      ...conflicts(report),
      { level: 'ok', check: 'division', what: 'this router gives out no addresses' },
    ];
  return [
    ...division(ipam, report.self),
    ...conflicts(report),
    ...strangers(ipam),
    ...absent(ipam),
    ...untaken(ipam),
    ...removed(ipam),
    ...space(ipam),
    ...quarantine(ipam),
  ];
}

const list = (peers: readonly PeerLabel[]): string => peers.map(renderLabel).sort(compare).join(', ');
const addresses = (count: number): string => `${count} ${count === 1 ? 'address' : 'addresses'}`;
const seconds = (ms: number): string => `${Math.ceil(ms / 1_000)} s`;

function division({ seeds, state, universe, why }: IpamReport, self: PeerLabel): readonly Finding[] {
  if (state === 'undivided') {
    const what = `${universe} is not divided yet: ${why ?? 'nobody has asked for an address'}`;
    const cure = `launch or connect those that are missing, and "mesh prime"; or, where they never come, "mesh reset" and "mesh launch --ipalloc-init seed=${self.name}" here`;
    return [{ level: 'problem', check: 'division', what, cure }];
  }
  const what = `${universe} was divided among ${seeds.join(', ')}`;
  const settled: Finding = { level: 'ok', check: 'division', what };
  if (state === 'ready') return [settled];
  const cure = 'wait, or see the lines below for who keeps it';
  return [{ level: 'problem', check: 'waiting', what: `somebody here waits: ${why ?? ''}`, cure }, settled];
}

const conflicts = (report: Report): readonly Finding[] =>
  conflictsOf(report).map(({ what, cure }) => ({ level: 'problem', check: 'conflict', what, cure }));

const strangers = (ipam: IpamReport): readonly Finding[] =>
  ipam.strangers.map(({ peer, universe, seeds }) => {
    const theirs = seeds.length === 0 ? universe : `${universe} among ${seeds.join(', ')}`;
    const what = `${renderLabel(peer)} divided ${theirs}: neither gets addresses of the other`;
    const cure =
      '"mesh reset" on whichever came later, and "mesh launch" it again with the range of the others';
    return { level: 'problem', check: 'stranger', what, cure };
  });

/** Holders that can't be asked. A removed one is told of with what its space waits for. */
function absent({ removed, shares }: IpamReport): readonly Finding[] {
  const gone = new Set(removed.map(({ peer }) => peer.id));
  return shares
    .filter(({ addresses: count, peer, reachable }) => count > 0 && !reachable && !gone.has(peer.id))
    .map(({ addresses: count, peer, silentMs }) => {
      const since = silentMs === undefined ? 'since before this router started' : `for ${seconds(silentMs)}`;
      const what = `${renderLabel(peer)}, which holds ${addresses(count)}, is out of reach ${since}`;
      const cure = `wait for it, or if it is gone for good "mesh rmpeer ${peer.name}"`;
      return { level: 'problem', check: 'holder', what, cure };
    });
}

const untaken = (ipam: IpamReport): readonly Finding[] =>
  ipam.untaken.map(({ name, peer, addresses: count }) => {
    const what = `${addresses(count)} of the first division wait for the seed ${peer === undefined ? name : renderLabel(peer)}, which has not taken them`;
    const cure =
      peer === undefined
        ? `launch it with "mesh launch --name ${name}"`
        : `launch it, or if it is gone for good "mesh rmpeer ${name}"`;
    return { level: 'problem', check: 'seed', what, cure };
  });

const removed = (ipam: IpamReport): readonly Finding[] =>
  ipam.removed.map(({ addresses: count, heir, peer, waitsFor }) => {
    const what = `${addresses(count)} of ${renderLabel(peer)}, which was removed, go to ${heir === undefined ? 'nobody: no other peer holds any' : renderLabel(heir)}`;
    if (waitsFor.length === 0) return { level: 'note', check: 'removed', what };
    const names = waitsFor.map(({ name }) => name).sort(compare);
    const cure = `wait for them, or if they are gone for good, too, "mesh rmpeer ${names.join(' ')}"`;
    return {
      level: 'problem',
      check: 'removed',
      what: `${what} once these have agreed: ${list(waitsFor)}`,
      cure,
    };
  });

function space({ free, given, shares }: IpamReport): readonly Finding[] {
  const [own, ...others] = shares;
  const here = own?.addresses ?? 0;
  const rows = others.map(
    ({ addresses: count, peer }): Finding => ({
      level: 'ok',
      check: 'space',
      what: `${renderLabel(peer)} holds ${addresses(count)}`,
    }),
  );
  // A host that was removed and came back goes on with addresses that are others' to give.
  const elsewhere = given > here ? ', also of what others hold' : '';
  const what = `this host holds ${addresses(here)}: ${given} are given out${elsewhere}, ${free} are free`;
  return [{ level: 'ok', check: 'space', what }, ...rows];
}

function quarantine({ quarantined: { addresses: count, forMs } }: IpamReport): readonly Finding[] {
  if (count === 0) return [];
  const what = `${addresses(count)} of containers of removed hosts are given to nobody yet, the last for ${seconds(forMs)}`;
  return [{ level: 'note', check: 'quarantine', what }];
}
