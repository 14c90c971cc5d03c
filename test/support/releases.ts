/**
 * What engine releases differ in, as far as a router meets it: as who asks them, and as who is asked by them. Taken from their
 * sources and API changes; 20.10 is also run for real.
 */
export const RELEASES = {
  '20.10': {
    ...{ newest: '1.41', oldest: '1.12' },
    /** Where an engine is told of a network with a name that it has: refused, or only if `CheckDuplicate` asks for it. */
    namesAreUnique: false,
    /** An endpoint's aliases name the container's short id. */
    aliasesHaveId: true,
    /** Each endpoint has names, and a MAC, of its own. */
    endpointsHaveNames: false,
    /** `NetworkSettings` and `Config` tell addresses beside those of `Networks`, and events have `status`, `id` and `from`. */
    tellsTwice: true,
    /** A driver is asked for a gateway's address, whether or not it wants one. */
    asksForGateway: true,
    /** A network may be without IPv4. */
    saysIpv4: false,
  },
  '25.0': {
    ...{
      newest: '1.44',
      oldest: '1.24',
      namesAreUnique: true,
      aliasesHaveId: true,
      endpointsHaveNames: true,
    },
    ...{ tellsTwice: true, asksForGateway: true, saysIpv4: false },
  },
  '28.0': {
    ...{
      newest: '1.48',
      oldest: '1.24',
      namesAreUnique: true,
      aliasesHaveId: false,
      endpointsHaveNames: true,
    },
    ...{ tellsTwice: true, asksForGateway: false, saysIpv4: true },
  },
  '29.0': {
    ...{
      newest: '1.52',
      oldest: '1.44',
      namesAreUnique: true,
      aliasesHaveId: false,
      endpointsHaveNames: true,
    },
    ...{ tellsTwice: false, asksForGateway: false, saysIpv4: true },
  },
  '29.3': {
    ...{
      newest: '1.54',
      oldest: '1.40',
      namesAreUnique: true,
      aliasesHaveId: false,
      endpointsHaveNames: true,
    },
    ...{ tellsTwice: false, asksForGateway: false, saysIpv4: true },
  },
} as const;

export type Release = keyof typeof RELEASES;
export const EACH_RELEASE = Object.keys(RELEASES) as Release[];
