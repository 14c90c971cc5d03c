import { describe } from '../../../core/errors.ts';
import type { Check, DoctorContext, Found, Rules } from '../check.ts';
import type { Packet } from '../matching.ts';
import { type End, passageOf } from '../passage.ts';
import { portsOf } from '../ports.ts';
import { type Chain, parseRuleset, type Ruleset } from '../ruleset.ts';

/** Where the host's own packets pass (nft(8), hooks of IPv4). */
const HOOKS: ReadonlySet<string> = new Set(['prerouting', 'input', 'output']);
const FAMILIES: ReadonlySet<string> = new Set(['ip', 'inet']);
/** The table that guards the data port itself: peers are let in by name. */
const OWN_TABLE = 'ip mesh';

/** Which rules of this host drop what peers send to our ports, or what we send to theirs. */
export const firewall: Check = {
  name: 'firewall',
  async run({ machine, ...context }: DoctorContext) {
    if (!machine.capable || !machine.hasProgram('nft')) return [];
    const rules = await machine.rules();
    if (!rules.ok) {
      const what = `the packet filter's rules can't be read: ${describe(rules.problem)}`;
      return [{ level: 'note', what, cure: 'look yourself whether they let our ports in' }];
    }
    const found = inspectRules(rules.value, portsOf(context));
    const legacy = machine.legacyTables();
    if (legacy.length === 0) return found;
    const what = `rules of the legacy iptables are in use (${legacy.join(', ')}), which can't be looked at here`;
    return [...found, { level: 'note', what, cure: 'see "iptables-legacy -S INPUT"' }];
  },
};

/** What `rules` do to the first packets to `ports`. */
export function inspectRules(rules: Rules, packets: readonly Packet[]): readonly Found[] {
  const ruleset = parseRuleset(rules);
  const bases = ruleset.chains.filter(
    chain =>
      HOOKS.has(chain.hook ?? '') &&
      FAMILIES.has(chain.family) &&
      `${chain.family} ${chain.table}` !== OWN_TABLE,
  );
  return packets.flatMap(packet => {
    const found = bases.flatMap(base => inspectChain(ruleset, base, packet));
    const open: Found = { level: 'ok', what: `no rule of this host drops ${nameOf(packet)}` };
    return found.length === 0 ? [open] : found;
  });
}

function inspectChain(ruleset: Ruleset, base: Chain, packet: Packet): readonly Found[] {
  const { accepts, drops } = passageOf(ruleset, base, packet);
  const drop = drops.at(-1);
  if (drop === undefined) return [];
  const where = endText(drop);
  const cure = cureOf(ruleset, base, packet);
  const direction = base.hook === 'output' ? 'sent to' : 'for';
  return accepts.length === 0
    ? [{ level: 'problem', what: `packets ${direction} ${nameOf(packet)} are dropped by ${where}`, cure }]
    : [
        {
          level: 'note',
          what: `packets ${direction} ${nameOf(packet)} may be dropped by ${where}: some are let through, which depends on the sender`,
          cure: `if peers stay pending or time out: ${cure}`,
        },
      ];
}

const nameOf = ({ protocol, port }: Packet): string => `${protocol.toUpperCase()} ${port}`;

function endText({ chain, rule }: End): string {
  const place = `table ${chain.family} ${chain.table}, chain ${chain.name}`;
  return rule === undefined ? `${place}: policy drop` : `${place}: "${rule.text}"`;
}

/** In the words of whatever manages these rules. */
function cureOf(ruleset: Ruleset, base: Chain, { protocol, port }: Packet): string {
  const { family, table, name } = base;
  if (table === 'firewalld') {
    return `firewall-cmd --permanent --add-port=${port}/${protocol} && firewall-cmd --reload`;
  }
  const ufw = ruleset.chains.some(chain => chain.table === table && chain.name.startsWith('ufw-'));
  if (ufw) return `ufw allow ${port}/${protocol}`;
  if (family === 'ip' && name === name.toUpperCase()) {
    const where = table === 'filter' ? '' : ` -t ${table}`;
    return `iptables${where} -I ${name} -p ${protocol} --dport ${port} -j ACCEPT`;
  }
  return `nft insert rule ${family} ${table} ${name} ${protocol} dport ${port} accept`;
}
