import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ok, refuse } from '../../../../src/core/errors.ts';
import { firewall, inspectRules } from '../../../../src/daemon/doctor/checks/firewall.ts';
import { findingsOf } from '../../../support/fake-machine.ts';

/** What `nft -j list ruleset` and `nft -a list ruleset` (1.1) said of real rules. */
const recorded = (name: string) => {
  const path = join(import.meta.dirname, '../../../fixtures/rulesets', name);
  return {
    json: JSON.parse(readFileSync(`${path}.json`, 'utf8')),
    text: readFileSync(`${path}.txt`, 'utf8'),
  };
};

const inspect = (name: string) =>
  inspectRules(recorded(name), [
    { protocol: 'tcp', port: 6783 },
    { protocol: 'udp', port: 6784 },
  ]).map(({ level, what, cure }) => [level, what, ...(cure === undefined ? [] : [cure])].join(' | '));

const CLEAR = ['ok | no rule of this host drops TCP 6783', 'ok | no rule of this host drops UDP 6784'];

describe('the rules of a host', () => {
  it('drop by policy what no rule lets in', () => {
    const where = 'dropped by table inet filter, chain input: policy drop';
    expect(inspect('policy-drop')).toEqual([
      `problem | packets for TCP 6783 are ${where} | nft insert rule inet filter input tcp dport 6783 accept`,
      `problem | packets for UDP 6784 are ${where} | nft insert rule inet filter input udp dport 6784 accept`,
    ]);
  });

  it('let in by sets, intervals and verdict maps', () => {
    expect(inspect('open-by-set')).toEqual(CLEAR);
  });

  it('may depend on the sender', () => {
    expect(inspect('some-senders')[1]).toBe(
      'note | packets for UDP 6784 may be dropped by table ip filter, chain input: ' +
        '"meta l4proto { tcp, udp } th dport 6783-6784 drop": some are let through, which depends on the sender | ' +
        'if peers stay pending or time out: nft insert rule ip filter input udp dport 6784 accept',
    );
  });

  it('of firewalld are told in its own words', () => {
    expect(inspect('firewalld')).toEqual([
      CLEAR[0],
      'problem | packets for UDP 6784 are dropped by table inet firewalld, chain filter_INPUT: ' +
        '"reject with icmpx admin-prohibited" | ' +
        'firewall-cmd --permanent --add-port=6784/udp && firewall-cmd --reload',
    ]);
  });

  it('of iptables are read as far as nft shows them', () => {
    expect(inspect('iptables-nft')).toEqual([
      CLEAR[0],
      'problem | packets for UDP 6784 are dropped by table ip filter, chain ufw-user-input: ' +
        '"udp dport 6784 reject" | ufw allow 6784/udp',
    ]);
  });

  it('may keep from sending, too', () => {
    expect(inspect('output')).toEqual([
      CLEAR[0],
      expect.stringMatching(
        /^problem \| packets sent to UDP 6784 are dropped by table inet guard, chain output/,
      ),
    ]);
  });

  it('are not made up where another program answers', () => {
    for (const json of [undefined, [], { nftables: 1 }, { nftables: [null, 1, { rule: 1 }, { rule: {} }] }]) {
      const found = inspectRules({ json, text: '' }, [{ protocol: 'udp', port: 6784 }]);
      expect(found).toEqual([{ level: 'ok', what: 'no rule of this host drops UDP 6784' }]);
    }
  });
});

describe('the check of the firewall', () => {
  it('looks at the ports of the settings, and says what it can not see', async () => {
    const rules = async () => ok(recorded('policy-drop'));
    const found = await findingsOf(firewall, { rules, legacyTables: () => ['filter'] });
    expect(found.map(line => line.slice(0, 34))).toEqual([
      'problem | packets for TCP 6783 are',
      'problem | packets for UDP 6784 are',
      'note | rules of the legacy iptable',
    ]);
  });

  it('says so where the rules can not be read', async () => {
    const rules = async () => refuse({ code: 'kernel-lacks', feature: 'nf_tables' } as const);
    expect(await findingsOf(firewall, { rules })).toEqual([
      expect.stringMatching(/^note \| the packet filter's rules can't be read: this kernel has no nf_tables/),
    ]);
    expect(await findingsOf(firewall, { hasProgram: () => false })).toEqual([]);
  });
});
