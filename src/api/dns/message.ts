/** Numbers of RFC 1035 and 6891. */

export const HEADER = 12;

export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionAvailable: 0x0080,
};
/** What an answer repeats of the question's flags: opcode, recursion desired, checking disabled. */
export const ECHOED_FLAGS = 0x7910;

export const RCODE = {
  ok: 0,
  malformed: 1,
  failed: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  /** 16, whose upper part is in the OPT record. */
  badVersion: 16,
} as const;

export type Rcode = (typeof RCODE)[keyof typeof RCODE];

export const TYPE = {
  a: 1,
  ns: 2,
  soa: 6,
  ptr: 12,
  aaaa: 28,
  opt: 41,
  ixfr: 251,
  axfr: 252,
  any: 255,
} as const;
export const CLASS = { internet: 1, any: 255 } as const;

/** What an answer over UDP may have where the question does not say. */
export const PLAIN_UDP = 512;
/** More than this we don't put into a datagram, whatever the question says. */
export const LARGEST_UDP = 4096;
