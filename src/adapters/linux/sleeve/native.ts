import koffi from 'koffi';

/** System calls of threads that do nothing else: they give what the kernel gives, -1 where it refuses. */

export const POLLIN = 1;
export const MSG_DONTWAIT = 0x40;

const library = koffi.load(null);
const BYTES = 'const uint8_t *';

export const read: (fd: number, into: Uint8Array, length: number) => number = library.func(
  'intptr_t read(int, uint8_t *, size_t)',
);
export const write: (fd: number, bytes: Uint8Array, length: number) => number = library.func(
  `intptr_t write(int, ${BYTES}, size_t)`,
);
/** `set`: struct pollfd, each fd, events, revents. */
export const poll: (set: Uint8Array, count: number, timeoutMs: number) => number = library.func(
  'int poll(uint8_t *, unsigned long, int)',
);
export const sendto: (
  fd: number,
  bytes: Uint8Array,
  length: number,
  flags: number,
  to: Uint8Array,
  toLength: number,
) => number = library.func(`intptr_t sendto(int, ${BYTES}, size_t, int, ${BYTES}, uint32_t)`);
/** `fromLength`: socklen_t, in and out. */
export const recvfrom: (
  fd: number,
  into: Uint8Array,
  length: number,
  flags: number,
  from: Uint8Array,
  fromLength: Uint8Array,
) => number = library.func('intptr_t recvfrom(int, uint8_t *, size_t, int, uint8_t *, uint8_t *)');
export const setsockopt: (
  fd: number,
  level: number,
  option: number,
  value: Uint8Array,
  length: number,
) => number = library.func(`int setsockopt(int, int, int, ${BYTES}, uint32_t)`);

/** A struct pollfd for each, to be woken when something can be read. */
export function pollSet(...fds: readonly number[]): Buffer {
  const set = Buffer.alloc(8 * fds.length);
  for (const [index, fd] of fds.entries()) {
    set.writeInt32LE(fd, 8 * index);
    set.writeInt16LE(POLLIN, 8 * index + 4);
  }
  return set;
}
