import { describe, expect, it } from 'vitest';
import type { Ipv4, Mac } from '../../../../src/core/address.ts';
import type { ConnectionReport, Report } from '../../../../src/core/report.ts';
import { connections } from '../../../../src/daemon/doctor/checks/connections.ts';
import { drift } from '../../../../src/daemon/doctor/checks/drift.ts';
import { endpoints } from '../../../../src/daemon/doctor/checks/endpoints.ts';
import { router } from '../../../../src/daemon/doctor/checks/router.ts';
import { underlay } from '../../../../src/daemon/doctor/checks/underlay.ts';
import { fakeRunning, findingsOf } from '../../../support/fake-machine.ts';
import { HOST1, HOST2, REPORT } from '../../../support/fake-router.ts';

const LINK: ConnectionReport = REPORT.connections[0]!;
const with_ = (...links: readonly Partial<ConnectionReport>[]): Partial<Report> => ({
  connections: links.map(link => ({ ...LINK, ...link })),
});

describe('the check of connections', () => {
  it('finds no fault with what is established, nor without a router', async () => {
    expect(await findingsOf(connections, {}, fakeRunning(with_({})))).toEqual([
      'ok | 1 connections, all established',
    ]);
    expect(await findingsOf(connections, {})).toEqual([]);
  });

  it('gives a path that is being measured its time', async () => {
    const pending = fakeRunning(with_({ state: 'pending', mtu: undefined }));
    let asked = 0;
    const reportAgain = async () => {
      asked += 1;
      return asked < 3 ? pending.report : fakeRunning(with_({})).report;
    };
    expect(await findingsOf(connections, {}, pending, { reportAgain })).toEqual([
      'ok | 1 connections, all established',
    ]);
  });

  it('calls a path blocked that stays pending, by the port of the other end', async () => {
    const station = {
      address: '100.64.0.2' as Ipv4,
      mac: '0a:01:0a:00:00:0b' as Mac,
      vtep: { address: '192.168.48.12' as Ipv4, port: 7784 },
    };
    const control = { name: 'control', vni: 6783, mtu: 1450, own: undefined, stations: [station], flood: [] };
    const pending = fakeRunning(with_({ state: 'pending', mtu: undefined }), {
      dataplane: {
        inspection: { forwarding: { peers: [], networks: [control] }, attachments: [] },
        counters: {},
        mended: [],
      },
    });
    expect(await findingsOf(connections, {}, pending)).toEqual([
      'problem | UDP 7784 is dropped between here and host2: control works, but no frame has got through | ' +
        'open UDP 7784 there (192.168.48.12) and on the way',
    ]);
  });

  it('tells of what is not sent since it can not be encrypted', async () => {
    const why = 'this kernel has no WireGuard: nothing is sent unprotected';
    const paths = REPORT.paths.map(path => ({
      ...path,
      path: undefined,
      protection: 'refused' as const,
      why,
    }));
    const running = fakeRunning({ ...with_({ state: 'pending', mtu: undefined }), paths });
    expect(await findingsOf(connections, {}, running)).toEqual([
      expect.stringMatching(
        /^problem \| no frame goes to host2: this kernel has no WireGuard: .*modprobe wireguard/,
      ),
    ]);
  });

  it('tells where frames go through the routers: since a port is closed, or since somebody wants that', async () => {
    const found = (why: string) => {
      const paths = REPORT.paths.map(path => ({ ...path, path: 'sleeve' as const, why }));
      return findingsOf(connections, {}, fakeRunning({ ...with_({ path: 'sleeve' }), paths }));
    };
    expect(await found('the direct way does not answer')).toEqual([
      expect.stringMatching(
        /^problem \| UDP 6784 is dropped between here and host2: .* \| open UDP 6784 there/,
      ),
    ]);
    expect(await found('it was launched with --no-fastdp')).toEqual([
      expect.stringMatching(/^note \| frames to host2 go through both routers, .*--no-fastdp/),
    ]);
  });

  it('tells why others are not connected', async () => {
    const peer = '192.168.48.13:6783';
    const found = await findingsOf(
      connections,
      {},
      fakeRunning(
        with_(
          { state: 'suspect' },
          { state: 'retrying', address: peer, peer: undefined, problem: { code: 'peer-refused', peer } },
          { state: 'failed', address: peer, peer: undefined, problem: { code: 'peer-is-self', peer } },
        ),
      ),
    );
    expect(found).toEqual([
      expect.stringMatching(/^problem \| nothing has been heard of host2/),
      expect.stringMatching(/^problem \| no connection to 192.168.48.13:6783: .* refused .* "mesh forget/),
      expect.stringMatching(/^note \| .* is this router itself.* \| mesh forget 192.168.48.13:6783$/),
    ]);
  });

  it('names peers whose router nobody reaches', async () => {
    const peers = REPORT.peers.map(peer => ({ ...peer, reachable: peer.id === HOST1.id }));
    expect(await findingsOf(connections, {}, fakeRunning({ peers }))).toEqual([
      expect.stringMatching(
        /^problem \| no router of the mesh has a connection with host2: .* its host answers/,
      ),
    ]);
  });
});

describe('the check of endpoints', () => {
  it('tells conflicts of this host from those of others', async () => {
    const [box1, box2] = REPORT.endpoints;
    const ours = { ...box1!, conflict: { containerName: 'box7', host: HOST2 } };
    expect(await findingsOf(endpoints, {}, fakeRunning({ endpoints: [ours, box2!] }))).toEqual([
      'problem | 10.0.0.11 of box1 on host1 is held by box7 on host2, which was first | ' +
        '"mesh detach" it and attach another address',
      'note | 10.0.0.12 of box2 on host2 is held by box9 on host1, which was first | ' +
        '"mesh detach" it on host2 and attach another address',
    ]);
  });

  it('shows attachments that can not be reached', async () => {
    expect(await findingsOf(endpoints, {}, fakeRunning({ dormant: REPORT.dormant }))).toEqual([
      `note | 10.0.0.13/24 of box3 can't be reached: its container is stopped | start it again, or "mesh detach box3"`,
    ]);
  });
});

describe('the check of the underlay', () => {
  it('knows what is left for containers, and which path takes less', async () => {
    const found = await findingsOf(underlay, {}, fakeRunning(with_({ mtu: 1376 })));
    expect(found).toEqual([
      expect.stringMatching(/^note \| the path to host2 takes packets of 1376 bytes, not 1450/),
      'ok | frames leave by eth0 (192.168.48.11, MTU 1500), which leaves 1450 bytes for containers',
    ]);
  });

  it('wants an address of this host, on a device that is up', async () => {
    const of = (device: { mtu: number; up: boolean } | undefined) =>
      findingsOf(underlay, { underlay: async () => device && { device: 'eth0', ...device } });
    expect(await of(undefined)).toEqual([
      expect.stringMatching(/^problem \| 192.168.48.11 is not an address/),
    ]);
    expect(await of({ mtu: 1500, up: false })).toEqual([expect.stringMatching(/^problem .*is down/)]);
    expect(await of({ mtu: 1400, up: true })).toEqual([expect.stringMatching(/^note .*leaves 1350 bytes/)]);
    expect(await findingsOf(underlay, { dataAddress: () => undefined })).toEqual([
      expect.stringMatching(/^problem \| this host has no address/),
    ]);
  });
});

describe('the checks of router and drift', () => {
  it('tell how the last router ended', async () => {
    expect(await findingsOf(router, {}, fakeRunning({}))).toEqual([
      'ok | router 0.1.0 runs (native, process 812) and is ready',
    ]);
    const lastError = () => 'another live router has this identity (12D3K); was the machine cloned?';
    expect(await findingsOf(router, { lastError })).toEqual([
      expect.stringMatching(/^problem .*was the machine/),
    ]);
    expect(await findingsOf(router, { lastError: () => 'no space' })).toEqual([
      expect.stringMatching(/^note .*ended with: no space/),
    ]);
  });

  it('pass on what was mended', async () => {
    const { dataplane, ...rest } = fakeRunning({});
    const mended = [{ what: 'network mesh: the bridge was missing; corrected', agoMs: 3_200 }];
    expect(await findingsOf(drift, {}, { ...rest, dataplane: { ...dataplane, mended } })).toEqual([
      expect.stringMatching(/^note \| mended 3 s ago: network mesh: the bridge was missing; corrected \| /),
    ]);
  });
});
