import type { Ipv4, Mac } from '../../core/address.ts';
import type { Problem } from '../../core/errors.ts';
import { runNft } from './firewall/nft.ts';
import { hostRuleset, type Ruleset, replaceScript, switchRuleset } from './firewall/ruleset.ts';
import { problemOf } from './kernel-problem.ts';
import { KernelError } from './libc.ts';
import { type Namespace, newNamespace } from './namespace.ts';
import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from './netlink/socket.ts';
import { findLink } from './rtnetlink/link-table.ts';
import { addBridge, addVeth, addVxlan, setBridgePort, setLink } from './rtnetlink/links.ts';
import { listForwarding, setBridgeEntry } from './rtnetlink/neighbours.ts';

/** One ability of the kernel that the data plane needs. */
export interface Feature {
  readonly name: string;
  /** Undefined where the kernel has it. */
  readonly problem: Problem | undefined;
}

const MAC = '02:00:00:00:00:01' as Mac;
const OTHER_MAC = '02:00:00:00:00:02' as Mac;
const LOCAL = '127.0.0.1' as Ipv4;

/**
 * Tries each thing that the data plane is made of, in a namespace that nobody else sees and that ends with this call.
 * Rules need the program nft: without it they are left out. Throws a `KernelError` where no namespace can be made.
 */
export async function tryFeatures(withRules: boolean): Promise<readonly Feature[]> {
  const namespace = newNamespace();
  try {
    const route = namespace.inside(() => openNetlink(NETLINK_ROUTE));
    try {
      const links = await tryLinks(route, namespace);
      return withRules ? [...links, ...(await tryRules(namespace))] : links;
    } finally {
      route.close();
    }
  } finally {
    namespace.close();
  }
}

/** In their order: each needs those before it. */
async function tryLinks(route: NetlinkSocket, { fd }: Namespace): Promise<readonly Feature[]> {
  const index = (name: string): number => findLink(route, name)?.index ?? 0;
  const steps: Readonly<Record<string, () => Promise<void> | void>> = {
    bridges: () => route.run(addBridge('bridge', MAC)),
    VXLAN: () => route.run(addVxlan('vxlan', { vni: 1, local: LOCAL, port: 4789 }, fd)),
    'veth pairs': () => route.run(addVeth('veth', 1500, { name: 'peer', mac: MAC, namespaceFd: fd })),
    'ARP suppression by bridges': () => {
      route.run(setLink('vxlan', { master: index('bridge') }));
      route.run(setBridgePort(index('vxlan'), { suppressNeighbours: true, unicastFlood: true }));
      if (findLink(route, 'vxlan')?.port?.suppressNeighbours !== true) throw forgotten('suppress ARP');
    },
    'sticky entries of bridges': async () => {
      route.run(setBridgeEntry(index('vxlan'), OTHER_MAC));
      const entries = await listForwarding(route);
      if (!entries.some(({ table, fixed }) => table === 'bridge' && fixed))
        throw forgotten('set a sticky entry');
    },
  };
  const features: Feature[] = [];
  for (const [name, step] of Object.entries(steps)) features.push({ name, problem: await attempt(step) });
  return features;
}

/** Older kernels take what they don't know without a word. */
const forgotten = (what: string): KernelError =>
  new KernelError(what, 'EOPNOTSUPP', 'the setting was taken and forgotten');

/** The very rules that a router loads. */
async function tryRules({ inside }: Namespace): Promise<readonly Feature[]> {
  const nothing = { elements: new Map(), counts: new Map() };
  const load = async (name: string, ruleset: Ruleset): Promise<Feature> => {
    const loaded = await runNft(replaceScript(ruleset, nothing), inside);
    return { name, problem: loaded.ok ? undefined : loaded.problem };
  };
  return [
    await load('nf_tables for IPv4 (with fib)', hostRuleset(6784)),
    await load('nf_tables for bridges', switchRuleset(6784)),
  ];
}

async function attempt(step: () => Promise<void> | void): Promise<Problem | undefined> {
  try {
    await step();
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return problemOf(error);
    throw error;
  }
}
