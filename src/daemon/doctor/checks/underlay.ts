import { type Ipv4, parseIpv4 } from '../../../core/address.ts';
import { VXLAN_OVERHEAD } from '../../../core/forwarding.ts';
import type { Check, DoctorContext, Found } from '../check.ts';

/** What networks of hosts carry in general (IEEE 802.3). */
const COMMON_MTU = 1500;

/** The device that carries the frames, its MTU, and what of it gets through to others. */
export const underlay: Check = {
  name: 'mtu',
  async run(context) {
    const address = addressOf(context);
    if (address === undefined) {
      const what = 'this host has no address that others could reach';
      return [{ level: 'problem', what, cure: 'give it one, or name it with --host' }];
    }
    const device = await context.machine.underlay(address);
    if (device === undefined) {
      const what = `${address} is not an address of this host`;
      return [{ level: 'problem', what, cure: 'choose one of "ip address" with --data-addr or --host' }];
    }
    const { mtu } = device;
    if (!device.up) {
      const what = `the device ${device.device} with ${address} is down`;
      return [{ level: 'problem', what, cure: `ip link set ${device.device} up` }];
    }
    const full = mtu - VXLAN_OVERHEAD;
    const what = `frames leave by ${device.device} (${address}, MTU ${mtu}), which leaves ${full} bytes for containers`;
    const own: Found =
      mtu < COMMON_MTU
        ? {
            level: 'note',
            what: `${what}, less than is common`,
            cure: `raise the MTU of ${device.device} if the network allows`,
          }
        : { level: 'ok', what };
    return [own, ...narrowPaths(context, full)];
  },
};

function addressOf({ router, machine }: DoctorContext): Ipv4 | undefined {
  return router === undefined
    ? machine.dataAddress()
    : parseIpv4(router.report.data.slice(0, router.report.data.lastIndexOf(':')));
}

/** Peers whose path takes less than the device here: it is what all containers are held to. */
function narrowPaths({ router }: DoctorContext, full: number): readonly Found[] {
  const connections = router?.report.connections ?? [];
  return connections.flatMap(({ address, mtu, peer }): readonly Found[] => {
    if (mtu === undefined || mtu >= full) return [];
    const what = `the path to ${peer?.nickname || address} takes packets of ${mtu} bytes, not ${full}: containers are held to that on all paths`;
    return [{ level: 'note', what, cure: 'compare the MTUs of the hosts and of what lies between them' }];
  });
}
