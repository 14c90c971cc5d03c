import type { Known } from '../../src/api/weave/known.ts';
import type { IpamReport, Report } from '../../src/core/report.ts';
import { DNS, REPORT } from './fake-router.ts';

export const KNOWN: Known = {
  report: REPORT,
  now: Date.UTC(2026, 0, 31, 12),
  dns: DNS,
  proxy: { addresses: ['unix:///var/run/weave/weave.sock'] },
  plugin: { driver: 'weave', meshDriver: 'weavemesh' },
  trustedSubnets: [],
};

export const IPAM = REPORT.ipam as IpamReport;

export const withReport = (changes: Partial<Report>): Known => ({
  ...KNOWN,
  report: { ...REPORT, ...changes },
});

export const withIpam = (changes: Partial<IpamReport>): Known =>
  withReport({ ipam: { ...IPAM, ...changes } });
