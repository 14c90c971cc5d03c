import { describe, expect, it } from 'vitest';
import { lastWords } from '../../../cli/last-words.ts';
import { attachedOf, renderAttached } from '../../../cli/render/attached.ts';
import { renderConnections } from '../../../cli/render/connections.ts';
import { renderDataplane } from '../../../cli/render/dataplane.ts';
import { renderEndpoints } from '../../../cli/render/endpoints.ts';
import { renderIpam } from '../../../cli/render/ipam.ts';
import { renderPeers } from '../../../cli/render/peers.ts';
import { renderSummary } from '../../../cli/render/summary.ts';
import type { DataplaneReport } from '../../../src/api/control/contract.ts';
import type { Cidr, Ipv4, Mac } from '../../../src/core/address.ts';
import type {
  ConnectionReport,
  EndpointReport,
  IpamReport,
  PathReport,
  Report,
} from '../../../src/core/report.ts';
import { DNS, HOST1, HOST2, REPORT } from '../../support/fake-router.ts';

const IPAM = REPORT.ipam as IpamReport;
type Share = IpamReport['shares'][number];
const [established] = REPORT.connections as [ConnectionReport];
const connection = (changes: Partial<ConnectionReport>): string =>
  renderConnections({ ...REPORT, connections: [{ ...established, ...changes }] });

describe('status connections', () => {
  it('has the layout that scripts know', () => {
    expect(renderConnections(REPORT).split('\n')).toEqual([
      '<- 192.168.48.12:42459   established fastdp e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms',
      '-> 192.168.48.13:6783    retrying    192.168.48.13:6783 did not answer; a firewall may drop the port, or the host is down; retry in 3s',
    ]);
  });

  it.each([
    [{ state: 'connecting', peer: undefined }, '<- 192.168.48.12:42459   connecting'],
    [
      { state: 'pending', path: undefined },
      '<- 192.168.48.12:42459   pending     e2:7e:49:7e:0f:1b(host2) measuring the path',
    ],
    [
      { state: 'suspect' },
      '<- 192.168.48.12:42459   suspect     fastdp e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms',
    ],
    [
      { state: 'failed', peer: undefined, problem: { code: 'peer-is-self', peer: 'a:1' } },
      "<- 192.168.48.12:42459   failed      a:1 is this router itself; give another host's address; no retry",
    ],
    [
      { state: 'retrying', peer: undefined, retryInMs: 1 },
      '<- 192.168.48.12:42459   retrying    retry in 1s',
    ],
  ] as const)('shows %j', (changes, line) => {
    expect(connection(changes)).toBe(line);
  });
});

const [straight] = REPORT.paths as [PathReport];
const path = (changes: Partial<PathReport>, connections = REPORT.connections): string =>
  renderConnections({ ...REPORT, connections, paths: [{ ...straight, ...changes }] }).split('\n')[0]!;

describe('paths', () => {
  const WHY = 'the direct way does not answer';

  it('show how much is lost, by whom frames go, and why', () => {
    expect(path({ loss: 0.104 })).toMatch(/ mtu=1450 rtt=0.2ms loss=10%$/);
    expect(path({ path: 'relay', relay: HOST1, why: WHY })).toBe(
      `<- 192.168.48.12:42459   established relay  e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms via 06:0f:d4:4f:de:19(host1) (${WHY})`,
    );
    expect(path({ path: undefined, mtu: undefined, rttMs: undefined, why: WHY })).toMatch(
      new RegExp(`established none   e2:7e:49:7e:0f:1b\\(host2\\) \\(${WHY}\\)$`),
    );
  });

  it('are shown without a connection where they are not straight', () => {
    expect(path({ path: 'relay', relay: HOST1 }, [])).toBe(
      '                         unconnected relay  e2:7e:49:7e:0f:1b(host2) mtu=1450 rtt=0.2ms via 06:0f:d4:4f:de:19(host1)',
    );
    expect(path({}, [])).toBe('');
  });
});

describe('status', () => {
  it('peers has the layout that scripts know', () => {
    expect(renderPeers(REPORT).split('\n')).toEqual([
      '06:0f:d4:4f:de:19(host1)',
      '   <- 192.168.48.12:42459   e2:7e:49:7e:0f:1b(host2)              established',
      'e2:7e:49:7e:0f:1b(host2)',
      '   -> 192.168.48.11:6783    06:0f:d4:4f:de:19(host1)              established',
    ]);
  });

  it('peers tells who is away and which connections are not up', () => {
    const peer = { ...REPORT.peers[0]!, reachable: false, alive: false };
    const pending = {
      ...peer,
      connections: [{ address: 'a:1', outbound: true, peer: HOST2, established: false }],
    };
    expect(renderPeers({ ...REPORT, peers: [pending] })).toBe(
      '06:0f:d4:4f:de:19(host1) unreachable\n   -> a:1                   e2:7e:49:7e:0f:1b(host2)              pending',
    );
    expect(renderPeers({ ...REPORT, peers: [{ ...pending, alive: true, connections: [] }] })).toBe(
      '06:0f:d4:4f:de:19(host1) router unreachable, host answers',
    );
  });

  it('endpoints shows conflicts and what is dormant', () => {
    expect(renderEndpoints(REPORT).split('\n')).toEqual([
      'mesh  10.0.0.11/24  0a:01:0a:00:00:0b  box1  06:0f:d4:4f:de:19(host1)',
      'mesh  10.0.0.12/24  0a:01:0a:00:00:0c  box2  e2:7e:49:7e:0f:1b(host2) conflict: held by box9 on 06:0f:d4:4f:de:19(host1)',
      'mesh  10.0.0.13/24  -                  box3  dormant: its container is stopped',
      'conflict: 10.0.0.12 of network mesh is held by box9 on 06:0f:d4:4f:de:19(host1), whose traffic goes on; box2 on e2:7e:49:7e:0f:1b(host2) claims it too and has lost it; "mesh detach 10.0.0.12/24 box2" on e2:7e:49:7e:0f:1b(host2), and attach it with another address',
    ]);
  });

  it.each([
    [HOST1, 'this host'],
    [HOST2, 'e2:7e:49:7e:0f:1b(host2)'],
  ])('ipam shows conflicts of what the mesh gives out, and where to end them (%#)', (host, where) => {
    const [holder, lost] = REPORT.endpoints as [EndpointReport, EndpointReport];
    const managed = { ...lost, address: '10.32.0.9' as Ipv4, host };
    expect(renderIpam({ ...REPORT, endpoints: [holder, managed] }).split('\n')[2]).toMatch(
      new RegExp(
        `^conflict: 10\\.32\\.0\\.9 of .* claims it too and has lost it; "mesh ipam repair" on ${where.replace('(', '\\(').replace(')', '\\)')}$`,
      ),
    );
  });

  it('sums up', () => {
    expect(renderSummary(REPORT, DNS)).toBe(`
        Version: 0.1.0

        Service: router
       Protocol: mesh 1
           Name: 06:0f:d4:4f:de:19(host1)
         Status: ready
      Listening: 0.0.0.0:6783
       DataPath: 192.168.48.11:6784
       Password: required
  PeerDiscovery: enabled
        Targets: 1
    Connections: 2 (1 established, 1 retrying)
          Peers: 2 (with 2 established, 0 pending connections)

        Service: network
        Network: mesh
            VNI: 4097
        Subnets: 10.32.0.0/12
        Exposed: 10.32.0.2/12
            MTU: 1450
      Endpoints: 2

        Service: ipam
         Status: ready
          Range: 10.32.0.0/12
  DefaultSubnet: 10.32.0.0/12

        Service: dns
         Domain: mesh.internal
      Listening: 172.17.0.1:53, 10.47.255.254:53
       Upstream: 192.168.1.1
            TTL: 1
        Entries: 2
`);
  });

  it('is short about a router that knows nobody', () => {
    const alone: Report = {
      ...REPORT,
      ...{ connections: [], peers: [], networks: [], endpoints: [], dormant: [], targets: [] },
      ipam: undefined,
    };
    expect(renderConnections(alone)).toBe('');
    expect(renderPeers(alone)).toBe('');
    expect(renderEndpoints(alone)).toBe('');
    expect(renderSummary(alone, undefined)).toContain('    Connections: 0\n');
    expect(renderSummary(alone, undefined)).not.toContain('ipam');
    expect(renderIpam(alone)).toBe('this router gives out no addresses (--ipalloc-range is empty)');
    expect(attachedOf(alone)).toEqual([]);
  });

  it('ipam has the layout that scripts know', () => {
    expect(renderIpam(REPORT).split('\n')).toEqual([
      '06:0f:d4:4f:de:19(host1)                524288 IPs (50.0% of total) (2 active)',
      'e2:7e:49:7e:0f:1b(host2)                524288 IPs (50.0% of total)',
    ]);
  });

  it('ipam tells who is out of reach, what is waited for, and who has another division', () => {
    const [mine, theirs] = IPAM.shares as [Share, Share];
    const waiting: IpamReport = {
      ...IPAM,
      state: 'waiting',
      why: 'all that is left is held by host2',
      shares: [
        { ...mine, addresses: 2 ** 16 },
        { ...theirs, reachable: false },
      ],
      strangers: [{ peer: HOST2, universe: '10.0.0.0/16', seeds: [HOST2.name] }],
    };
    expect(renderIpam({ ...REPORT, ipam: waiting }).split('\n')).toEqual([
      '06:0f:d4:4f:de:19(host1)                 65536 IPs (06.3% of total) (2 active)',
      'e2:7e:49:7e:0f:1b(host2)                524288 IPs (50.0% of total) - unreachable!',
      'waiting: all that is left is held by host2',
      'warning: e2:7e:49:7e:0f:1b(host2) divided 10.0.0.0/16 among e2:7e:49:7e:0f:1b, and this host 10.32.0.0/12 among 06:0f:d4:4f:de:19: neither gets addresses of the other; "mesh reset" the one that came later, and launch it again',
    ]);
    const summary = renderSummary({ ...REPORT, ipam: waiting }, undefined);
    expect(summary).toContain('         Status: waiting: all that is left is held by host2\n');
    expect(summary).toContain('        Warning: e2:7e:49:7e:0f:1b(host2) has another division; see');
  });

  it.each([
    [
      'undivided',
      'the first division needs 2 of 3 peers',
      [],
      'undivided: the first division needs 2 of 3 peers',
    ],
    ['ready', undefined, [true, false], 'ready'],
    [
      'ready',
      undefined,
      [false],
      'all space is held by peers out of reach; "mesh rmpeer" those that are gone for good',
    ],
  ] as const)('ipam is %s, %j, %j', (state, why, reachable, line) => {
    const others = reachable.map(each => ({ ...IPAM.shares[1]!, addresses: 5, reachable: each }));
    const shares = [{ ...IPAM.shares[0]!, addresses: 0 }, ...others];
    expect(renderSummary({ ...REPORT, ipam: { ...IPAM, state, why, shares } }, undefined)).toContain(
      `         Status: ${line}\n`,
    );
  });

  it('ps shows what this host has, each container once', () => {
    const [first] = REPORT.endpoints as [EndpointReport];
    const second = { ...first, address: '10.32.0.1' as Ipv4, prefix: 12 };
    const bare = { ...second, container: 'netns:/run/netns/box2', mac: '0a:01:0a:20:00:01' as Mac };
    const [one, two] = ['e', 'f'].map(letter => `endpoint:${letter.repeat(64)}`) as [string, string];
    const handed = { ...second, container: one, containerName: 'box3' };
    const unknown = { ...second, container: two, containerName: two };
    const lost = { ...first, container: 'x', conflict: { containerName: 'y', host: HOST2 } };
    const report = { ...REPORT, endpoints: [...REPORT.endpoints, second, bare, handed, unknown, lost] };
    expect(attachedOf(report).map(each => renderAttached(each))).toEqual([
      'aaaaaaaaaaaa 0a:01:0a:00:00:0b 10.0.0.11/24 10.32.0.1/12',
      'box3 0a:01:0a:00:00:0b 10.32.0.1/12',
      `${two} 0a:01:0a:00:00:0b 10.32.0.1/12`,
      'netns:/run/netns/box2 0a:01:0a:20:00:01 10.32.0.1/12',
    ]);
  });

  it('ps has what a container has on several networks in the order of the addresses', () => {
    const [first] = REPORT.endpoints as [EndpointReport];
    const endpoints = [
      ['a', '10.40.0.1'],
      ['b', '10.32.0.1'],
    ].map(([letter = '', address]) => ({
      ...first,
      container: `endpoint:${letter.repeat(64)}`,
      containerName: 'box3',
      address: address as Ipv4,
    }));
    expect(attachedOf({ ...REPORT, endpoints }).flatMap(({ addresses }) => addresses)).toEqual([
      '10.32.0.1/24',
      '10.40.0.1/24',
    ]);
  });

  it('dataplane shows what the kernel holds', () => {
    const vtep = { address: '192.168.48.12' as Ipv4, port: 6784 };
    const mac = '0a:01:0a:00:00:0c' as Mac;
    const own = { address: { address: '169.254.0.1' as Ipv4, prefix: 16 } satisfies Cidr, mac };
    const station = { address: '10.0.0.12' as Ipv4, mac, vtep };
    const text = renderDataplane({
      inspection: {
        forwarding: {
          peers: ['192.168.48.12' as Ipv4],
          networks: [
            { name: 'control', vni: 1, mtu: 1450, own, stations: [], flood: [] },
            { name: 'mesh', vni: 2, mtu: 1450, own: undefined, stations: [station], flood: [vtep] },
          ],
        },
        attachments: [{ network: 'mesh', container: 'box1', mac, sandbox: '/run/netns/box1', addresses: [] }],
      },
      counters: { 'mesh.tx': 2, 'mesh.rx': 10 },
      mended: [{ what: 'network mesh: the bridge was missing; corrected', agoMs: 4_000 }],
    } as unknown as DataplaneReport);
    expect(text.split('\n')).toEqual([
      'peers 192.168.48.12',
      'network control vni 1 mtu 1450 own 169.254.0.1/16 0a:01:0a:00:00:0c',
      '  flood none',
      'network mesh vni 2 mtu 1450',
      '  10.0.0.12 0a:01:0a:00:00:0c via 192.168.48.12:6784',
      '  flood 192.168.48.12:6784',
      'attached  mesh  0a:01:0a:00:00:0c  box1',
      'counter  mesh.rx  10',
      'counter  mesh.tx  2',
    ]);
  });
});

describe('last words', () => {
  it.each([
    ['', 'it said nothing'],
    ['2026-03-01T12:00:00.000Z info  started\n', 'started'],
    ['2026-03-01T12:00:00.000Z error store: no\n2026-03-01T12:00:00.001Z info  bye\n', 'store: no'],
    ['2026-03-01T12:00:00.000Z error x: no\nmesh: tcp port 1 is in use\n', 'tcp port 1 is in use'],
    ['at x\nTypeError: x is not a function\n    at y\n\nNode.js v24.0.0\n', 'TypeError: x is not a function'],
    ['something else\n', 'something else'],
  ])('of %j', (log, words) => {
    expect(lastWords(log)).toBe(words);
  });
});
