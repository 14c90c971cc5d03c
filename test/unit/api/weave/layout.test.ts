import { describe, expect, it } from 'vitest';
import type { Known } from '../../../../src/api/weave/known.ts';
import { LAYOUTS } from '../../../../src/api/weave/layout.ts';
import { weaveReport } from '../../../../src/api/weave/report.ts';
import { HOST1, HOST2, REPORT } from '../../../support/fake-router.ts';
import { KNOWN, withIpam, withReport } from '../../../support/weave-known.ts';

const view = (name: keyof typeof LAYOUTS, known: Known = KNOWN): string => LAYOUTS[name](weaveReport(known));
const ipamStatus = (known: Known): string | undefined =>
  /ipam\n +Status: (.*)/.exec(view('summary', known))?.[1];

describe('status', () => {
  it('has the sections of Weave', () => {
    expect(view('summary')).toBe(`\
        Version: 0.1.0 (version check update disabled)

        Service: router
       Protocol: mesh 1
           Name: 06:0f:d4:4f:de:19(host1)
     Encryption: enabled
  PeerDiscovery: enabled
        Targets: 1
    Connections: 2 (1 established, 1 failed)
          Peers: 2 (with 2 established connections)
 TrustedSubnets: none

        Service: ipam
         Status: ready
          Range: 10.32.0.0/12
  DefaultSubnet: 10.32.0.0/12

        Service: dns
         Domain: mesh.internal.
       Upstream: 192.168.1.1
            TTL: 1
        Entries: 2

        Service: proxy
        Address: unix:///var/run/weave/weave.sock

        Service: plugin (legacy)
     DriverName: weave
`);
  });

  it('of a router alone, with every service off', () => {
    const [self] = REPORT.peers;
    const alone = withReport({
      connections: [],
      targets: [],
      password: false,
      discovery: false,
      ipam: undefined,
      peers: [{ ...self!, connections: [] }],
    });
    const known = {
      ...alone,
      dns: undefined,
      proxy: undefined,
      plugin: undefined,
      trustedSubnets: ['10.0.0.0/8', '::/0'],
    };
    expect(view('summary', known)).toBe(`\
        Version: 0.1.0 (version check update disabled)

        Service: router
       Protocol: mesh 1
           Name: 06:0f:d4:4f:de:19(host1)
     Encryption: disabled
  PeerDiscovery: disabled
        Targets: 0
    Connections: 0
          Peers: 1
 TrustedSubnets: 10.0.0.0/8, ::/0
`);
  });

  it("says in Weave's words how addresses stand", () => {
    const gone = REPORT.ipam!.shares.map(share => ({ ...share, reachable: false }));
    const undivided = withIpam({ state: 'undivided', why: 'nobody has voted', shares: [] });
    expect(ipamStatus(undivided)).toBe('idle');
    expect(ipamStatus({ ...undivided, election: { elector: true, quorum: 2, known: 1 } })).toBe(
      'awaiting consensus (quorum: 2, known: 1)',
    );
    expect(ipamStatus({ ...undivided, election: { elector: false, quorum: 0, known: 0 } })).toBe('priming');
    expect(ipamStatus(withIpam({ state: 'waiting', why: 'x' }))).toBe(
      'waiting for IP(s) to become available',
    );
    expect(ipamStatus(withIpam({ shares: gone }))).toBe(
      "all IP ranges owned by unreachable peers - use 'rmpeer' if they are dead",
    );
    expect(ipamStatus(withIpam({}))).toBe('ready');
  });
});

describe('status of one thing', () => {
  it('targets, sorted', () => {
    expect(view('targets', withReport({ targets: ['b', 'a'] }))).toBe('a\nb\n');
    expect(view('targets', withReport({ targets: [] }))).toBe('');
  });

  it('connections, whose attributes stand without a space between them', () => {
    const paths = REPORT.paths.map(path => ({ ...path, protection: 'encrypted' as const }));
    expect(view('connections', withReport({ paths })).split('\n')).toEqual([
      '<- 192.168.48.12:42459   established encrypted   fastdp e2:7e:49:7e:0f:1b(host2) encrypted=truemtu=1450',
      '-> 192.168.48.13:6783    failed      192.168.48.13:6783 did not answer; a firewall may drop the port, or the host is down, retry: 2026-01-31 12:00:02.4 +0000 UTC ',
      '',
    ]);
  });

  it('peers', () => {
    expect(view('peers').split('\n')).toEqual([
      '06:0f:d4:4f:de:19(host1)',
      '   <- 192.168.48.12:42459   e2:7e:49:7e:0f:1b(host2)              established',
      'e2:7e:49:7e:0f:1b(host2)',
      '   -> 192.168.48.11:6783    06:0f:d4:4f:de:19(host1)              established',
      '',
    ]);
  });

  it('dns, without the zone', () => {
    expect(view('dns').split('\n')).toEqual([
      'box1         10.0.0.11       aaaaaaaaaaaa 06:0f:d4:4f:de:19',
      'printer      192.168.1.9     weave:extern e2:7e:49:7e:0f:1b',
      '',
    ]);
    expect(view('dns', { ...KNOWN, dns: undefined })).toBe('');
  });

  it('ipam, this host first, each peer once', () => {
    const known = withIpam({
      shares: [
        { peer: HOST2, addresses: 16, reachable: false, silentMs: 5 },
        { peer: HOST1, addresses: 1_048_560, reachable: true, silentMs: undefined },
      ],
      untaken: [{ name: HOST1.name, peer: HOST1, addresses: 0 }],
    });
    expect(view('ipam', known).split('\n')).toEqual([
      '06:0f:d4:4f:de:19(host1)               1048560 IPs (100.0% of total) (2 active)',
      'e2:7e:49:7e:0f:1b(host2)                    16 IPs (00.0% of total) - unreachable!',
      '',
    ]);
  });

  it('ipam, which is empty before there is a division, and where there are no addresses', () => {
    expect(view('ipam', withIpam({ state: 'undivided', why: 'x' }))).toBe('');
    expect(view('ipam', withReport({ ipam: undefined }))).toBe('');
  });
});
