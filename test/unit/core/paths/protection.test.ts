import { describe, expect, it } from 'vitest';
import type { Ipv4, Mac } from '../../../../src/core/address.ts';
import { protectionOf } from '../../../../src/core/paths/protection.ts';
import {
  decodeHost,
  type Encryption,
  encodeHost,
  type HostFact,
} from '../../../../src/core/topology/facts.ts';

const KEY = `${'A'.repeat(42)}E=`;
const encrypts = (more: Partial<Encryption> = {}): { encryption: Encryption } => ({
  encryption: { key: KEY, port: 6784, trusts: [], ...more },
});
const fact = (octet: number, more: Partial<HostFact> = {}): HostFact => ({
  name: '02:00:00:00:00:01' as Mac,
  nickname: `host${octet}`,
  version: '1',
  addresses: [],
  vtep: { address: `192.168.48.${octet}` as Ipv4, port: 6784 },
  control: `100.65.0.${octet}` as Ipv4,
  boot: 'boot',
  ...more,
});
const between = (own: Partial<HostFact>, theirs: Partial<HostFact>) =>
  protectionOf(fact(11, own), fact(12, theirs));

describe('how frames to a peer are protected', () => {
  it('not at all where neither encrypts', () => {
    expect(between({}, {})).toEqual({ kind: 'plain', vtep: { address: '192.168.48.12', port: 6784 } });
  });

  it('by a tunnel where both do', () => {
    expect(between(encrypts(), encrypts({ port: 7000 }))).toEqual({
      kind: 'tunnel',
      key: KEY,
      vtep: { address: '240.1.0.12', port: 6784 },
      endpoint: { address: '192.168.48.12', port: 7000 },
      note: undefined,
    });
  });

  it('goes plain only where both trust the other', () => {
    const trusting = encrypts({ trusts: ['10.0.0.0/8', '192.168.48.0/24'] });
    expect(between(trusting, trusting)).toEqual({
      kind: 'plain',
      vtep: { address: '192.168.48.12', port: 6784 },
    });
    expect(between(trusting, encrypts())).toMatchObject({
      kind: 'tunnel',
      note: 'its --trusted-subnets do not name this host: encrypted',
    });
    expect(between(encrypts(), trusting)).toMatchObject({
      kind: 'tunnel',
      note: "this host's --trusted-subnets do not name it: encrypted",
    });
  });

  it('sends nothing that it can not protect, and says why', () => {
    const { port: _, ...bare } = encrypts().encryption;
    const unable = { encryption: bare };
    const why = (own: Partial<HostFact>, theirs: Partial<HostFact>): unknown => {
      const protection = between(own, theirs);
      expect(protection.vtep).toBeUndefined();
      return protection.kind === 'refused' && protection.why;
    };
    expect([
      why({}, encrypts()),
      why(encrypts(), {}),
      why(unable, encrypts()),
      why(encrypts(), unable),
    ]).toEqual([
      'it encrypts, and this host does not: nothing is sent unprotected',
      'its router does not encrypt: nothing is sent unprotected',
      'this kernel has no WireGuard: nothing is sent unprotected',
      'its kernel has no WireGuard: nothing is sent unprotected',
    ]);
  });

  it('goes by the routers where somebody wants that, or a kernel can not encrypt', () => {
    const carries = (only: boolean, whole = true) => ({ sleeve: { port: 6783, whole, only, key: KEY } });
    const { port: _, ...bare } = encrypts().encryption;
    const unable = { encryption: bare };
    const vtep = { address: '240.65.0.12', port: 6784 };
    expect([
      between(carries(false), carries(false)).kind,
      between(carries(true), carries(false)),
      between(carries(false), carries(true)),
      between({ ...encrypts(), ...carries(false) }, { ...unable, ...carries(false) }),
      between({ ...encrypts(), ...carries(true) }, { ...encrypts(), ...carries(false) }),
    ]).toEqual([
      'plain',
      { kind: 'sleeve', vtep, isEncrypted: false, why: 'this host was launched with --no-fastdp' },
      { kind: 'sleeve', vtep, isEncrypted: false, why: 'it was launched with --no-fastdp' },
      { kind: 'sleeve', vtep, isEncrypted: true, why: 'its kernel has no WireGuard' },
      { kind: 'sleeve', vtep, isEncrypted: true, why: 'this host was launched with --no-fastdp' },
    ]);
    const trusting = encrypts({ trusts: ['192.168.48.0/24'] });
    expect(between({ ...trusting, ...carries(true) }, { ...trusting, ...carries(false) })).toMatchObject({
      kind: 'sleeve',
      isEncrypted: true,
    });
    expect(between(carries(true), {})).toMatchObject({
      kind: 'refused',
      why: 'this host was launched with --no-fastdp, and it has no other way',
    });
    expect(between({}, carries(true))).toMatchObject({
      kind: 'refused',
      why: 'it was launched with --no-fastdp, and this host has no other way',
    });
    expect(between(carries(true), { ...encrypts(), ...carries(true) }).kind).toBe('refused');
  });

  it('is read back as it was told, and what makes no sense is as if it was not there', () => {
    for (const told of [encrypts(), encrypts({ trusts: ['10.0.0.0/8'] })])
      expect(decodeHost(encodeHost(fact(11, told)))).toEqual(fact(11, told));
    const wrong: unknown[] = [
      { key: 'short', trusts: [] },
      { key: KEY, trusts: ['10.0.0.0'] },
      { key: KEY, trusts: Array(33).fill('10.0.0.0/8') },
      { key: KEY },
      7,
    ];
    for (const encryption of wrong)
      expect(decodeHost(encodeHost(fact(11, { encryption } as Partial<HostFact>)))).toEqual(fact(11));
  });
});
