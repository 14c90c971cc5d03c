import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../../src/api/control/settings.ts';
import { type Mac, type PeerId, parseCidr } from '../../../src/core/address.ts';
import { describe as sentence } from '../../../src/core/errors.ts';
import { allocationKey, encodeAllocation } from '../../../src/core/host/allocation.ts';
import type { HostConfig } from '../../../src/core/host/step.ts';
import { CUSTODY_KEY, encodeCustody, IPAM } from '../../../src/core/ipam/custody.ts';
import { rangeOf } from '../../../src/core/range.ts';
import { encodeEntryRecord } from '../../../src/core/replica/records.ts';
import { ipamConfig } from '../../../src/daemon/ipam.ts';

type Records = HostConfig['records'];

const SELF = '12D3KooWAAAA' as PeerId;
const NOTHING: Records = new Map();

function configOf(argv: readonly string[], records = NOTHING) {
  const settings = parseSettings(argv, {});
  if (!settings.ok) throw new Error(sentence(settings.problem));
  return ipamConfig(settings.value, SELF, records);
}

const refusal = (argv: readonly string[], records: Records): string => {
  const result = configOf(argv, records);
  return result.ok ? 'fine' : sentence(result.problem);
};

/** What a router stored that has a part of `universe`. */
function custodian(universe: string): Records {
  const { start } = rangeOf(parseCidr(universe)!);
  const division = { universe: parseCidr(universe)!, seeds: ['02:00:00:00:00:01' as Mac] };
  const custody = {
    division,
    ranges: [{ start, end: start + 1, version: 0 }],
    grants: [],
    granted: 0,
    received: new Map(),
    inherited: new Map(),
    heirs: [],
  };
  const entry = {
    owner: SELF,
    seq: 1,
    stamp: 1,
    domain: IPAM,
    key: CUSTODY_KEY,
    value: encodeCustody(custody),
  };
  const record = encodeEntryRecord({ ...entry, extra: new Uint8Array(), signature: new Uint8Array(64) });
  return new Map([['own/ipam/custody', record]]);
}

function giver(address: string): Records {
  const cidr = parseCidr(address)!;
  return new Map([[allocationKey(cidr), encodeAllocation({ cidr, owner: 'box' })]]);
}

describe('the addresses that a router gives out', () => {
  it('are those of the settings', () => {
    expect(
      configOf(['--ipalloc-range=10.0.0.0/16', '--ipalloc-timeout=3', '--ipalloc-quarantine=5']),
    ).toEqual({
      ok: true,
      value: {
        universe: parseCidr('10.0.0.0/16'),
        defaultSubnet: parseCidr('10.0.0.0/17'),
        init: { kind: 'consensus', electorate: undefined, named: [] },
        timeoutMs: 3_000,
        quarantineMs: 5_000,
      },
    });
    expect(configOf(['--ipalloc-default-subnet=10.40.0.0/16'])).toMatchObject({
      value: { universe: parseCidr('10.32.0.0/12'), defaultSubnet: parseCidr('10.40.0.0/16') },
    });
    expect(configOf(['--ipalloc-range='])).toEqual({ ok: true, value: undefined });
  });

  it.each([
    [[], NOTHING, undefined, []],
    [['a', 'b'], NOTHING, undefined, ['a:6783', 'b:6783']],
    [['a', '--ipalloc-init=consensus=7'], NOTHING, 7, ['a:6783']],
    [
      ['--resume'],
      new Map([['targets', Buffer.from('{"targets":["a:1","b:1","c:1"]}')]]),
      undefined,
      ['a:1', 'b:1', 'c:1'],
    ],
  ])('are divided by the peers of %j and this one', (argv, records, electorate, named) => {
    expect(configOf(argv, records)).toMatchObject({
      value: { init: { kind: 'consensus', electorate, named } },
    });
  });

  it('stay what they were', () => {
    expect(refusal([], custodian('10.32.0.0/12'))).toBe('fine');
    expect(refusal([], giver('10.47.255.254/16'))).toBe('fine');
    expect(refusal(['--ipalloc-range=10.0.0.0/16'], custodian('10.32.0.0/12'))).toBe(
      'this host has given out addresses of 10.32.0.0/12, and is to give out 10.0.0.0/16 now; launch with --ipalloc-range 10.32.0.0/12, or begin anew with "mesh reset"',
    );
    expect(refusal(['--ipalloc-range='], custodian('10.32.0.0/12'))).toContain('and is to give out none now');
    expect(refusal([], giver('10.0.0.5/16'))).toContain(
      'has given out 10.0.0.5, which is not in --ipalloc-range 10.32.0.0/12',
    );
    expect(refusal(['--ipalloc-range='], giver('10.32.0.5/12'))).toContain(
      'has given out 10.32.0.5, which is not in --ipalloc-range ""',
    );
  });
});
