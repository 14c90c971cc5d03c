import { describe } from '../../../core/errors.ts';
import { DIRECT_SILENT } from '../../../core/paths/route.ts';
import type { ConnectionReport, PeerReport, Report } from '../../../core/report.ts';
import type { Check, DoctorContext, Found, RunningRouter } from '../check.ts';

/** A path that works is measured within a second; one that has no answer for this long has something in its way. */
const PATIENCE_MS = 4_000;
const AGAIN_MS = 400;

/** Peers that can't be reached, or with which frames don't get through. */
export const connections: Check = {
  name: 'connections',
  async run(context) {
    const { router } = context;
    if (router === undefined) return [];
    const report = await settled(context, router.report);
    const found = [
      ...report.connections.flatMap(connection => judge(router, connection)),
      ...report.peers.filter(peer => peer.id !== report.self.id && !peer.reachable).map(cutOff),
    ];
    const count = report.connections.filter(({ state }) => state === 'established').length;
    return found.length > 0 ? found : [{ level: 'ok', what: `${count} connections, all established` }];
  },
};

/** The report as it is when what was just being measured is known, or patience ends. */
async function settled({ reportAgain, pause }: DoctorContext, first: Report): Promise<Report> {
  let report = first;
  for (let waited = 0; waited < PATIENCE_MS && report.connections.some(isOpen); waited += AGAIN_MS) {
    await pause(AGAIN_MS);
    report = (await reportAgain()) ?? report;
  }
  return report;
}

const isOpen = ({ state }: ConnectionReport): boolean => state === 'pending' || state === 'connecting';

function judge(router: RunningRouter, connection: ConnectionReport): readonly Found[] {
  const { address, peer, problem, state } = connection;
  const name = peer?.nickname || address;
  const path = router.report.paths.find(other => other.peer.id === peer?.id);
  if (path?.protection === 'refused') return [unprotected(name, path.why ?? '')];
  switch (state) {
    case 'established':
      if (path?.path !== 'sleeve') return [];
      return path.why === DIRECT_SILENT
        ? [
            dropped(
              router,
              address,
              name,
              'frames go through both routers, slower, and not while one is down',
            ),
          ]
        : [bySleeve(name, path.why ?? '')];
    case 'pending':
      return [dropped(router, address, name, 'control works, but no frame has got through')];
    case 'suspect':
    case 'down': {
      const seconds = state === 'suspect' ? 3 : 10;
      const what = `nothing has been heard of ${name} (${address}) for more than ${seconds} s`;
      return [{ level: 'problem', what, cure: 'look whether that host lives, and the network to it' }];
    }
    default: {
      const why = problem === undefined ? `no answer from ${address} yet` : describe(problem);
      // A target that is this host itself is dialled no more.
      if (problem?.code === 'peer-is-self')
        return [{ level: 'note', what: why, cure: `mesh forget ${address}` }];
      const cure = `"mesh doctor" there, or "mesh forget ${address}" if it is gone for good`;
      return [{ level: 'problem', what: `no connection to ${name}: ${why}`, cure }];
    }
  }
}

function dropped(router: RunningRouter, address: string, name: string, so: string): Found {
  const port = `UDP ${dataPort(router, address)}`;
  const what = `${port} is dropped between here and ${name}: ${so}`;
  return { level: 'problem', what, cure: `open ${port} there (${hostOf(address)}) and on the way` };
}

/** As somebody asked for, or as a kernel has it. */
function bySleeve(name: string, why: string): Found {
  const what = `frames to ${name} go through both routers, slower, and not while one is down: ${why}`;
  return { level: 'note', what, cure: 'nothing, where this is as it should be' };
}

function unprotected(name: string, why: string): Found {
  const cure =
    'Linux 5.6 or later with the module "wireguard" ("modprobe wireguard"), and the same version of mesh, on both hosts; ' +
    'or name each in --trusted-subnets of the other';
  return { level: 'problem', what: `no frame goes to ${name}: ${why}`, cure };
}

function cutOff({ alive, nickname, name }: PeerReport): Found {
  const host = alive ? '; its host answers: what is attached there stays reachable' : '';
  const what = `no router of the mesh has a connection with ${nickname || name}: its router is down or cut off${host}`;
  const cure = '"mesh launch" there; "mesh reset" there if it is to leave';
  return { level: 'problem', what, cure };
}

const hostOf = (address: string): string => address.slice(0, address.lastIndexOf(':'));

/** Where that host takes frames: as it says itself, else as here. */
function dataPort({ dataplane, report }: RunningRouter, address: string): number {
  const stations = dataplane.inspection.forwarding.networks.flatMap(network => network.stations);
  const vtep = stations.find(station => station.vtep.address === hostOf(address))?.vtep;
  return vtep?.port ?? Number(report.data.slice(report.data.lastIndexOf(':') + 1));
}
