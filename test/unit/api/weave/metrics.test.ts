import { describe, expect, it } from 'vitest';
import type { Known } from '../../../../src/api/weave/known.ts';
import { renderMetrics } from '../../../../src/api/weave/metrics.ts';
import { REPORT } from '../../../support/fake-router.ts';
import { IPAM, KNOWN, withIpam, withReport } from '../../../support/weave-known.ts';

const series = async (known: Known): Promise<readonly string[]> =>
  (await renderMetrics(known)).text.split('\n').filter(line => line !== '' && !line.startsWith('#'));

describe('metrics', () => {
  it('are those of Weave, with its labels in its order', async () => {
    expect(await series({ ...KNOWN, terminations: 4, flows: 3 })).toEqual([
      'weave_connections{encryption="",state="established",type="fastdp"} 1',
      'weave_connections{encryption="yes",state="established",type="fastdp"} 0',
      'weave_connections{encryption="",state="failed",type="unknown"} 1',
      'weave_connections{encryption="yes",state="failed",type="unknown"} 0',
      'weave_connection_terminations_total 4',
      'weave_ips{state="local-used"} 2',
      'weave_max_ips 1048576',
      'weave_ipam_unreachable_count 0',
      'weave_ipam_unreachable_percentage 0',
      'weave_ipam_pending_allocates 0',
      'weave_ipam_pending_claims 0',
      'weave_dns_entries 1',
      'weave_flows 3',
    ]);
  });

  it('come with a type that says what they are, and what each means', async () => {
    const { contentType, text } = await renderMetrics(KNOWN);
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toContain('# TYPE weave_connections gauge\n');
    expect(text).toContain('# TYPE weave_connection_terminations_total counter\n');
    expect(text.endsWith('\n')).toBe(true);
  });

  it('count what is encrypted, and add up what is alike', async () => {
    const paths = REPORT.paths.map(path => ({ ...path, protection: 'encrypted' as const }));
    const connections = [REPORT.connections[0]!, { ...REPORT.connections[0]!, address: '192.168.48.14:1' }];
    expect(await series(withReport({ connections, paths }))).toEqual(
      expect.arrayContaining([
        'weave_connections{encryption="",state="established",type="fastdp"} 0',
        'weave_connections{encryption="yes",state="established",type="fastdp"} 2',
      ]),
    );
  });

  it('tell how much of the universe is out of reach, and who waits', async () => {
    const shares = IPAM.shares.map((share, index) => ({ ...share, reachable: index === 0 }));
    expect(await series(withIpam({ shares, state: 'waiting', why: 'x' }))).toEqual(
      expect.arrayContaining([
        'weave_ipam_unreachable_count 1',
        'weave_ipam_unreachable_percentage 50',
        'weave_ipam_pending_allocates 1',
      ]),
    );
  });

  it('are left out with the service that they belong to', async () => {
    const known = { ...withReport({ ipam: undefined, connections: [] }), dns: undefined };
    expect(await series(known)).toEqual(['weave_connection_terminations_total 0']);
  });

  it('begin anew with each answer', async () => {
    expect(await series(KNOWN)).toEqual(await series(KNOWN));
  });
});
