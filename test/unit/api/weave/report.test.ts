import { describe, expect, it } from 'vitest';
import { reportJson, weaveReport } from '../../../../src/api/weave/report.ts';
import { renderTemplate } from '../../../../src/api/weave/template/render.ts';
import type { Mac } from '../../../../src/core/address.ts';
import type { ConnectionReport, PathReport } from '../../../../src/core/report.ts';
import { HOST1, HOST2, REPORT } from '../../../support/fake-router.ts';
import { KNOWN, withIpam, withReport } from '../../../support/weave-known.ts';

const [link] = REPORT.connections as [ConnectionReport];
const [path] = REPORT.paths as [PathReport];
const connection = (ofLink: Partial<ConnectionReport>, ofPath: Partial<PathReport> = {}) =>
  weaveReport(
    withReport({ connections: [{ ...link, ...ofLink }], paths: [{ ...path, ...ofPath }] }),
  ).Router.Connections.map(({ Attrs, Info, State }) => ({ Attrs: { ...Attrs }, Info, State }))[0];

describe('the report', () => {
  it.each([
    ['{{.Router.Name}}({{.Router.NickName}})', '06:0f:d4:4f:de:19(host1)'],
    ['{{len .Router.Peers}}', '2'],
    ['{{range .Router.Targets}}{{.}}\n{{end}}', '192.168.48.13\n'],
    ['{{.IPAM.DefaultSubnet}}', '10.32.0.0/12'],
    ['{{.DNS.Domain}}', 'mesh.internal.'],
    ['{{len .DNS.Entries}}', '2'],
    ['{{.VersionCheck.Enabled}}{{.VersionCheck.Success}}{{.VersionCheck.NewVersion}}', 'falsefalse'],
    ['{{range .Router.Connections}}{{.State}}:{{.Attrs.mtu}} {{end}}', 'established:1450 failed:<no value> '],
    [
      '{{.DNS.Address}} {{.Router.Port}} {{json .Proxy.Addresses}}',
      '172.17.0.1:53 6783 ["unix:///var/run/weave/weave.sock"]',
    ],
    ['{{.Plugin.DriverName}} {{.Plugin.MeshDriverName}} {{.Plugin.Config.DNS}}', 'weave weavemesh true'],
    ['{{range .Router.UnicastRoutes}}{{.Dest}} {{.Via}}{{end}}', `${HOST2.name} ${HOST2.name}`],
    ['{{range .Router.MACs}}{{.Mac}} {{.NickName}}{{end}}', '0a:01:0a:00:00:0b host1'],
  ])('answers %s', (template, text) => {
    expect(renderTemplate(template, weaveReport(KNOWN))).toEqual({ ok: true, value: text });
  });

  it('is JSON, indented by four, in the order that Weave has', () => {
    const report = weaveReport(KNOWN);
    const text = reportJson(report);
    expect(text).toMatch(
      /^\{\n {4}"Ready": true,\n {4}"Version": "0\.1\.0",\n {4}"VersionCheck": \{\n {8}"Enabled"/,
    );
    expect(Object.keys(JSON.parse(text))).toEqual([
      'Ready',
      'Version',
      'VersionCheck',
      'Router',
      'IPAM',
      'DNS',
      'Proxy',
      'Plugin',
    ]);
  });

  it('has no part for a service that is off', () => {
    const dns = { zone: 'mesh.internal', ttl: 1, server: undefined };
    const known = {
      ...withReport({ ipam: undefined, state: 'joining' }),
      dns,
      proxy: undefined,
      plugin: undefined,
    };
    const report = weaveReport(known);
    expect(Object.keys(JSON.parse(reportJson(report)))).toEqual([
      'Ready',
      'Version',
      'VersionCheck',
      'Router',
    ]);
    expect(report.Ready).toBe(false);
    const template = '{{if .IPAM}}ipam{{end}}{{with .DNS}}dns{{end}}{{if .Plugin}}plugin{{end}}';
    expect(renderTemplate(template, report)).toEqual({ ok: true, value: '' });
  });

  it('leaves out peers that are out of reach', () => {
    const peers = REPORT.peers.map(peer => ({ ...peer, reachable: peer.id === HOST1.id }));
    expect(weaveReport(withReport({ peers })).Router.Peers.map(({ NickName }) => NickName)).toEqual([
      'host1',
    ]);
  });
});

describe('a connection', () => {
  const label = 'e2:7e:49:7e:0f:1b(host2)';

  it.each([
    [{}, {}, 'established', `fastdp ${label}`, { mtu: 1450, name: 'fastdp' }],
    [
      {},
      { protection: 'encrypted' },
      'established',
      `encrypted   fastdp ${label}`,
      { encrypted: true, mtu: 1450, name: 'fastdp' },
    ],
    [
      { path: 'sleeve' },
      { path: 'sleeve', protection: 'trusted' },
      'established',
      `unencrypted sleeve ${label}`,
      { mtu: 1450, name: 'sleeve' },
    ],
    [{ path: 'relay' }, { path: 'relay' }, 'established', `fastdp ${label}`, { mtu: 1450, name: 'fastdp' }],
    [{}, { protection: 'refused' }, 'established', `none   ${label}`, { mtu: 1450 }],
    [
      { state: 'pending', path: undefined, mtu: undefined },
      { path: undefined, mtu: undefined },
      'pending',
      `none   ${label}`,
      {},
    ],
    [{ state: 'suspect' }, {}, 'established', `fastdp ${label}`, { mtu: 1450, name: 'fastdp' }],
    [{ state: 'down' }, {}, 'pending', `fastdp ${label}`, { mtu: 1450, name: 'fastdp' }],
    [{ state: 'connecting', peer: undefined }, {}, 'connecting', '', {}],
    [
      { state: 'connecting', peer: undefined, problem: { code: 'peer-no-route', peer: 'a:1' } },
      {},
      'retrying',
      "no route to a:1; check the address and this host's routes",
      {},
    ],
    [
      {
        state: 'retrying',
        peer: undefined,
        problem: { code: 'peer-failed', peer: 'a:1', why: 'x' },
        retryInMs: 10_500,
      },
      {},
      'failed',
      'a:1 could not be joined: x, retry: 2026-01-31 12:00:10.5 +0000 UTC',
      {},
    ],
    [
      { state: 'retrying', peer: undefined, retryInMs: 10_000 },
      {},
      'failed',
      'retry: 2026-01-31 12:00:10 +0000 UTC',
      {},
    ],
    [
      { state: 'failed', peer: undefined, problem: { code: 'peer-failed', peer: 'a:1', why: 'x' } },
      {},
      'failed',
      'a:1 could not be joined: x, retry: never',
      {},
    ],
  ] as const)('%j %j is %s', (ofLink, ofPath, State, Info, Attrs) => {
    expect(connection(ofLink, ofPath)).toEqual({ State, Info, Attrs });
  });
});

describe('addresses', () => {
  it('of the first division that nobody has taken are the seeds', () => {
    const name = 'aa:aa:aa:aa:aa:aa' as Mac;
    const known = withIpam({
      untaken: [
        { name, peer: undefined, addresses: 8 },
        { name: HOST2.name, peer: HOST2, addresses: 4 },
      ],
    });
    const entries = weaveReport(known).IPAM?.Entries.map(({ IsKnownPeer, Nickname, Size }) => [
      Nickname,
      Size,
      IsKnownPeer,
    ]);
    expect(entries).toEqual([
      ['host1', 524_288, true],
      ['host2', 524_288, true],
      ['', 8, false],
      ['host2', 4, true],
    ]);
  });

  it('are nobodys while there is no division', () => {
    const shares = [{ peer: HOST1, addresses: 0, reachable: true, silentMs: undefined }];
    const known = withIpam({ state: 'undivided', why: 'nobody has voted', shares });
    expect(weaveReport(known).IPAM).toMatchObject({ Entries: [], PendingAllocates: [], Paxos: undefined });
    const election = { elector: true, quorum: 2, known: 1 };
    expect(weaveReport({ ...known, election }).IPAM?.Paxos).toEqual({
      Elector: true,
      KnownNodes: 1,
      Quorum: 2,
    });
  });

  it('are waited for', () => {
    const known = withIpam({ state: 'waiting', why: 'no address is free' });
    expect(weaveReport(known).IPAM?.PendingAllocates).toEqual(['no address is free']);
    const pending = {
      allocates: ['a 10.32.0.0/12', 'b 10.32.0.0/12'],
      claims: [{ owner: 'c', cidr: '10.32.0.9/12' }],
    };
    expect(weaveReport({ ...known, pending }).IPAM).toMatchObject({
      PendingAllocates: pending.allocates,
      PendingClaims: [{ Ident: 'c', CIDR: '10.32.0.9/12' }],
    });
  });
});
