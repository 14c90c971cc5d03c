import { ok, type Result } from '../../../core/errors.ts';
import { KernelError } from '../libc.ts';
import { NETLINK_NETFILTER, type NetlinkSocket, openNetlink } from '../netlink/socket.ts';
import type { InSwitch } from '../parts.ts';
import { askLegacy, hasLegacyFilter } from './legacy.ts';
import {
  dropsIn,
  findChain,
  listRules,
  type Rule,
  removeRule,
  ruleIn,
  type TableName,
  transactions,
} from './nfnetlink.ts';
import { runNft } from './nft.ts';

/**
 * The way between the host's own leg and its other links. An engine that turns on forwarding lets the chain FORWARD of
 * iptables drop whatever no rule speaks of, and no table of ours can overrule that. So two rules go to the end of
 * that chain, marked as ours: what any other rule forbids stays forbidden. Nothing else of others' tables is touched.
 */
export interface Passage {
  /** Opens it to and from `device`, where it is shut; gives a sentence for each rule that was not there. */
  open(device: string): Promise<Result<readonly string[]>>;
  /** Takes the rules away; succeeds also where there are none. */
  shut(): Promise<void>;
}

const FILTER: TableName = { family: 'ip', table: 'filter' };
const CHAIN = 'FORWARD';
/** Told by their comments; the directions as nft and as iptables write them. */
const OURS = [
  { comment: 'mesh: from its leg', nft: 'iifname', iptables: '-i' },
  { comment: 'mesh: to its leg', nft: 'oifname', iptables: '-o' },
] as const;

type Our = (typeof OURS)[number];

/** `inHost` leads to the namespace of the host. */
export function createPassage(inHost: InSwitch): Passage {
  return {
    open: async device => {
      const added = await openChain(inHost, device);
      if (!added.ok || !inHost(hasLegacyFilter)) return added;
      const more = await openLegacyChain(inHost, device);
      return more.ok ? ok([...added.value, ...more.value]) : more;
    },
    shut: async () => {
      using(inHost, socket => {
        const gone = ourRules(socket).map(rule => removeRule(FILTER, rule));
        for (const transaction of transactions(gone)) socket.run(...transaction);
      });
      if (inHost(hasLegacyFilter)) await shutLegacyChain(inHost);
    },
  };
}

async function openChain(inHost: InSwitch, device: string): Promise<Result<readonly string[]>> {
  const missing = using(inHost, socket => {
    const drops = orNothing(() => socket.ask(findChain(FILTER, CHAIN), dropsIn)) ?? false;
    const there = new Set(ourRules(socket).map(({ comment }) => comment));
    return drops ? OURS.filter(({ comment }) => !there.has(comment)) : [];
  });
  if (missing.length === 0) return ok([]);
  const lines = missing.map(
    ({ nft, comment }) =>
      `add rule ip filter ${CHAIN} ${nft} "${device}" counter accept comment "${comment}"`,
  );
  const added = await runNft(`${lines.join('\n')}\n`, inHost);
  return added.ok ? ok(missing.map(sentence)) : added;
}

function ourRules(socket: NetlinkSocket): readonly Rule[] {
  const rules = orNothing(() => socket.dump(listRules(FILTER), ruleIn)) ?? [];
  return rules.filter(rule => rule.chain === CHAIN && OURS.some(({ comment }) => comment === rule.comment));
}

/** The older kind of iptables has tables of its own, which count as well. */
async function openLegacyChain(inHost: InSwitch, device: string): Promise<Result<readonly string[]>> {
  const listed = await askLegacy(inHost, ['-S', CHAIN]);
  if (!listed.ok) return listed;
  const drops = listed.value.startsWith(`-P ${CHAIN} DROP`);
  const missing = drops ? OURS.filter(({ comment }) => !listed.value.includes(`"${comment}"`)) : [];
  for (const our of missing) {
    const added = await askLegacy(inHost, ['-A', CHAIN, ...legacyRule(our, device)]);
    if (!added.ok) return added;
  }
  return ok(missing.map(sentence));
}

async function shutLegacyChain(inHost: InSwitch): Promise<void> {
  const listed = await askLegacy(inHost, ['-S', CHAIN]);
  if (!listed.ok) return;
  for (const line of listed.value.split('\n')) {
    const our = OURS.find(({ comment }) => line.includes(`"${comment}"`));
    const device = / -[io] (\S+)/.exec(line)?.[1];
    if (our !== undefined && device !== undefined)
      await askLegacy(inHost, ['-D', CHAIN, ...legacyRule(our, device)]);
  }
}

const legacyRule = ({ iptables, comment }: Our, device: string): readonly string[] => [
  ...[iptables, device, '-m', 'comment', '--comment', comment, '-j', 'ACCEPT'],
];

const sentence = ({ comment }: Our): string =>
  `the chain ${CHAIN} of iptables drops what no rule accepts; added the rule "${comment}"`;

function using<T>(inHost: InSwitch, action: (socket: NetlinkSocket) => T): T {
  const socket = inHost(() => openNetlink(NETLINK_NETFILTER));
  try {
    return action(socket);
  } finally {
    socket.close();
  }
}

/** Undefined where there is no such table or chain. */
function orNothing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
