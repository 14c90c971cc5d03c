import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createLinuxDataplane, type LinuxDataplane } from '../../src/adapters/linux/dataplane.ts';
import { AF_INET, bind, close, SOCK_DGRAM, socket } from '../../src/adapters/linux/libc.ts';
import { isNamespace } from '../../src/adapters/linux/namespace.ts';
import { formatCidr, type Ipv4, type Vtep } from '../../src/core/address.ts';
import { HOST_LEG } from '../../src/core/endpoints/attachment.ts';
import type { Station } from '../../src/core/forwarding.ts';
import type { WorldContainer, WorldHost } from '../contract/dataplane.contract.ts';
import { createFakeLog, type FakeLog } from './fake-log.ts';
import { makeNamespace, sh, type TestNamespace } from './frames.ts';
import { OWN } from './own.ts';

/** Hosts and containers as namespaces of this machine, for tests of the data plane alone: no routers, no Docker. */

const QUIET =
  'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6';

interface KernelHost extends WorldHost {
  readonly namespace: TestNamespace;
  readonly runDir: string;
  readonly log: FakeLog;
  open(vtep?: Vtep): LinuxDataplane;
  /** Runs a script in the switch; undefined where there is none. */
  inSwitch(script: string): string | undefined;
}

export interface KernelContainer extends WorldContainer {
  readonly namespace: TestNamespace;
}

export interface KernelHosts {
  readonly hosts: readonly KernelHost[];
  startContainer(name: string): KernelContainer;
  reaches(from: Pick<WorldContainer, 'sandbox'>, address: Ipv4, size?: number): Promise<boolean>;
  dispose(): Promise<void>;
}

/** Joins `count` hosts by one bridge, on 192.168.48.0/24. */
export function makeKernelHosts(count: number): KernelHosts {
  const underlay = makeNamespace('underlay');
  underlay.run(`${QUIET}; ip link add br0 type bridge; ip link set br0 up`);
  const hosts = Array.from({ length: count }, (_, index) => makeHost(underlay, index + 1));
  const containers: KernelContainer[] = [];
  return {
    hosts,
    startContainer: name => {
      const container = makeContainer(name, containers.length);
      containers.push(container);
      return container;
    },
    reaches: async ({ sandbox }, address, size = 84) => {
      const ping = `ping -q -c 1 -W 1 -M do -s ${size - 28} ${address}`;
      return sh(`nsenter --net=${sandbox} ${ping} >/dev/null 2>&1 && echo yes || echo no`).trim() === 'yes';
    },
    dispose: async () => {
      for (const host of hosts) {
        await host.open().remove();
        host.namespace.remove();
        rmSync(host.runDir, { recursive: true });
      }
      for (const container of containers) container.end();
      underlay.remove();
    },
  };
}

function makeHost(underlay: TestNamespace, number: number): KernelHost {
  const namespace = makeNamespace(`h${number}`);
  const address = `192.168.48.${number}` as Ipv4;
  underlay.run(`ip link add h${number} type veth peer name eth0 netns ${namespace.name}
    ip link set h${number} master br0 up`);
  namespace.run(`${QUIET}; ip address add ${address}/24 dev eth0; ip link set eth0 up`);
  const runDir = mkdtempSync(join(tmpdir(), OWN));
  const log = createFakeLog();
  const pin = join(runDir, 'switch');
  const inSwitch = (script: string): string | undefined =>
    isNamespace(pin) ? sh(`nsenter --net=${pin} sh -ec '${script}'`) : undefined;
  return {
    namespace,
    self: { ...inside(namespace), container: HOST_LEG },
    runDir,
    log,
    vtep: { address, port: 6784 },
    underlayMtu: 1500,
    inSwitch,
    open: () => createLinuxDataplane({ runDir, log, inHost: namespace.inside }),
    indexes: vni =>
      [`br-${vni}`, `vx-${vni}`].map(name => Number.parseInt(inSwitch(`ip -o link show ${name}`) ?? '', 10)),
    traces: () => traces(namespace, runDir, inSwitch),
    occupy: async port => occupy(namespace, port),
    forgetStation: (vni, { address: of }) => void inSwitch(`ip neighbour del ${of} dev br-${vni}`),
    misdirect: (vni, station, vtep) => void inSwitch(misdirection(vni, station, vtep)),
    take: (device, container, name, cidr) => {
      namespace.run(`ip link set ${device} netns ${basename(container.sandbox)}`);
      sh(`nsenter --net=${container.sandbox} sh -ec '
        ip link set ${device} name ${name}; ip address add ${formatCidr(cidr)} dev ${name}; ip link set ${name} up'`);
    },
    addStation: (vni, { address: of, mac, vtep }) =>
      void inSwitch(`ip neighbour add ${of} lladdr ${mac} dev br-${vni} nud permanent
        bridge fdb add ${mac} dev vx-${vni} dst ${vtep.address} port ${vtep.port} self`),
  };
}

function misdirection(vni: number, { mac }: Station, { address, port }: Vtep): string {
  return `bridge fdb replace ${mac} dev vx-${vni} dst ${address} port ${port} self
    bridge fdb replace ${mac} dev vx-${vni} master dynamic`;
}

/** Everything but counters and what times out by itself. */
function traces(
  namespace: TestNamespace,
  runDir: string,
  inSwitch: (script: string) => string | undefined,
): string {
  const script =
    'cat /proc/sys/net/ipv4/ip_forward; ip -o link; ip -o address; ip rule; ip route show table all; nft -s list ruleset';
  return [
    namespace.run(script),
    inSwitch(`${script}; bridge fdb`),
    readdirSync(runDir).join(),
    sh(`grep -c ' ${runDir}' /proc/self/mountinfo || true`),
  ].join('\n');
}

async function occupy(namespace: TestNamespace, port: number): Promise<() => Promise<void>> {
  const fd = namespace.inside(() => {
    const opened = socket(AF_INET, SOCK_DGRAM, 0);
    const address = new Uint8Array(16);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port, false);
    bind(opened, address);
    return opened;
  });
  return async () => close(fd);
}

interface ShownInterface {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

function makeContainer(name: string, number: number): KernelContainer {
  const namespace = makeNamespace(`${name}-${number}`);
  let running = true;
  return {
    ...inside(namespace),
    namespace,
    container: `netns:${name}`,
    end: () => {
      if (running) namespace.remove();
      running = false;
    },
  };
}

/** What can be seen and done in a namespace. */
function inside(namespace: TestNamespace): Omit<WorldContainer, 'container' | 'end'> {
  const show = (): readonly ShownInterface[] => JSON.parse(namespace.run('ip -j address show'));
  return {
    sandbox: `/run/netns/${namespace.name}`,
    addInterface: device => void namespace.run(`ip link add ${device} type bridge`),
    interfaces: () =>
      show()
        .map(({ ifname }) => ifname)
        .sort(),
    show: device => {
      const found = show().find(({ ifname }) => ifname === device);
      if (found === undefined) throw new Error(`no interface ${device}`);
      const addresses = found.addr_info
        .filter(({ family }) => family === 'inet')
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
      return { mac: found.address, mtu: found.mtu, addresses };
    },
  };
}
