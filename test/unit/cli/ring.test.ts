import { describe, expect, it } from 'vitest';
import { ringFindings } from '../../../cli/render/ring.ts';
import type { Mac } from '../../../src/core/address.ts';
import type { IpamReport } from '../../../src/core/report.ts';
import { HOST1, HOST2, REPORT } from '../../support/fake-router.ts';

const IPAM = REPORT.ipam as IpamReport;
type Share = IpamReport['shares'][number];
const [own, other] = IPAM.shares as [Share, Share];
const ONE = '06:0f:d4:4f:de:19(host1)';
const TWO = 'e2:7e:49:7e:0f:1b(host2)';

/** What is said where nothing is contested, without what is all right. */
const said = (ipam: Partial<IpamReport>): readonly string[] =>
  ringFindings({ ...REPORT, endpoints: [], ipam: { ...IPAM, ...ipam } })
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, what, cure }) => [level, check, what, ...(cure ? [cure] : [])].join(' | '));

describe('ipam doctor', () => {
  it('has nothing to say against a ring that is whole', () => {
    expect(ringFindings({ ...REPORT, endpoints: [] }).map(({ level, what }) => `${level} ${what}`)).toEqual([
      'ok 10.32.0.0/12 was divided among 06:0f:d4:4f:de:19',
      'ok this host holds 524288 addresses: 2 are given out, 524283 are free',
      `ok ${TWO} holds 524288 addresses`,
    ]);
    expect(ringFindings({ ...REPORT, endpoints: [], ipam: undefined }).map(({ what }) => what)).toEqual([
      'this router gives out no addresses',
    ]);
  });

  it('says of a host that was removed and came back that its containers have what others hold', () => {
    const ipam = { ...IPAM, shares: [{ ...own, addresses: 0 }, other], free: 0 };
    expect(ringFindings({ ...REPORT, endpoints: [], ipam }).map(({ what }) => what)).toContain(
      'this host holds 0 addresses: 2 are given out, also of what others hold, 0 are free',
    );
  });

  it.each<[Partial<IpamReport>, string]>([
    [
      {
        state: 'undivided',
        why: 'the first division waits for 192.168.48.12:6783, named at launch',
        shares: [own],
      },
      'problem | division | 10.32.0.0/12 is not divided yet: the first division waits for 192.168.48.12:6783, named at launch | launch or connect those that are missing, and "mesh prime"; or, where they never come, "mesh reset" and "mesh launch --ipalloc-init seed=06:0f:d4:4f:de:19" here',
    ],
    [
      { state: 'waiting', why: 'all is held by host2' },
      'problem | waiting | somebody here waits: all is held by host2 | wait, or see the lines below for who keeps it',
    ],
    [
      { shares: [own, { ...other, reachable: false, silentMs: 61_500 }] },
      `problem | holder | ${TWO}, which holds 524288 addresses, is out of reach for 62 s | wait for it, or if it is gone for good "mesh rmpeer e2:7e:49:7e:0f:1b"`,
    ],
    [
      { shares: [own, { ...other, reachable: false }] },
      `problem | holder | ${TWO}, which holds 524288 addresses, is out of reach since before this router started | wait for it, or if it is gone for good "mesh rmpeer e2:7e:49:7e:0f:1b"`,
    ],
    [
      { untaken: [{ name: '02:00:00:00:00:09' as Mac, peer: undefined, addresses: 128 }] },
      'problem | seed | 128 addresses of the first division wait for the seed 02:00:00:00:00:09, which has not taken them | launch it with "mesh launch --name 02:00:00:00:00:09"',
    ],
    [
      { untaken: [{ name: HOST2.name, peer: HOST2, addresses: 1 }] },
      `problem | seed | 1 address of the first division wait for the seed ${TWO}, which has not taken them | launch it, or if it is gone for good "mesh rmpeer e2:7e:49:7e:0f:1b"`,
    ],
    [
      {
        shares: [own, { ...other, reachable: false }],
        removed: [{ peer: HOST2, addresses: 524_288, heir: HOST1, waitsFor: [HOST1] }],
      },
      `problem | removed | 524288 addresses of ${TWO}, which was removed, go to ${ONE} once these have agreed: ${ONE} | wait for them, or if they are gone for good, too, "mesh rmpeer 06:0f:d4:4f:de:19"`,
    ],
    [
      { strangers: [{ peer: HOST2, universe: '10.0.0.0/16', seeds: [HOST2.name] }] },
      `problem | stranger | ${TWO} divided 10.0.0.0/16 among e2:7e:49:7e:0f:1b: neither gets addresses of the other | "mesh reset" on whichever came later, and "mesh launch" it again with the range of the others`,
    ],
    [
      { quarantined: { addresses: 3, forMs: 599_001 } },
      'note | quarantine | 3 addresses of containers of removed hosts are given to nobody yet, the last for 600 s',
    ],
  ])('says what stands in the way and what to type (%#)', (ipam, line) => {
    expect(said(ipam)).toEqual([line]);
  });
});
