import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import koffi from 'koffi';

/**
 * The few system calls that Node does not have, by their C names. All are called synchronously: a `setns` on
 * one of libuv's pool threads would leave that thread in the foreign namespace for good.
 */

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
const O_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const F_DUPFD_CLOEXEC = 1030;
export const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
const MNT_DETACH = 2;

const library = koffi.load(null);

const native = {
  socket: library.func('int socket(int, int, int)'),
  bind: library.func('int bind(int, const uint8_t *, uint32_t)'),
  send: library.func('intptr_t send(int, const uint8_t *, size_t, int)'),
  sendto: library.func('intptr_t sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)'),
  recv: library.func('intptr_t recv(int, uint8_t *, size_t, int)'),
  setsockopt: library.func('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
  open: library.func('int open(const char *, int)'),
  close: library.func('int close(int)'),
  fcntl: library.func('int fcntl(int, int, int)'),
  eventfd: library.func('int eventfd(unsigned int, int)'),
  write: library.func('intptr_t write(int, const uint8_t *, size_t)'),
  setns: library.func('int setns(int, int)'),
  unshare: library.func('int unshare(int)'),
  mount: library.func('int mount(const char *, const char *, const char *, unsigned long, const void *)'),
  umount2: library.func('int umount2(const char *, int)'),
};

/** A system call or netlink request that the kernel refused. Stays inside the adapters: a port gives a `Problem`. */
export class KernelError extends Error {
  /** Name of the errno, e.g. `EEXIST`. */
  readonly code: string;
  /** What was tried, after "to": `add the address 10.0.0.1/24`. */
  readonly what: string;
  readonly why: string;

  /** `why` is the kernel's own explanation, where it gave one beside the errno. */
  constructor(what: string, code: string, why = describeErrno(code)) {
    super(`${what}: ${why}`);
    this.name = 'KernelError';
    this.code = code;
    this.what = what;
    this.why = why;
  }
}

const NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (name !== 'ENOTSUP' && name !== 'EWOULDBLOCK') NAMES.set(number, name);
}

/** The name of a positive errno, e.g. 17 gives `EEXIST`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

function describeErrno(code: string): string {
  const number = (constants.errno as Readonly<Record<string, number>>)[code];
  const text = number === undefined ? undefined : getSystemErrorMap().get(-number)?.[1];
  return text === undefined ? code : `${text} (${code})`;
}

function check(result: number, what: string): number {
  if (result < 0) throw new KernelError(what, errnoName(koffi.errno()));
  return result;
}

/** Gives a file descriptor, closed on exec. */
export function socket(family: number, type: number, protocol: number): number {
  return check(native.socket(family, type | SOCK_CLOEXEC, protocol), 'open a socket');
}

/** `address` is a struct sockaddr. */
export function bind(fd: number, address: Uint8Array): void {
  check(native.bind(fd, address, address.length), 'bind a socket');
}

export function send(fd: number, bytes: Uint8Array): void {
  check(native.send(fd, bytes, bytes.length, 0), 'send');
}

/** `address` is a struct sockaddr. */
export function sendTo(fd: number, bytes: Uint8Array, address: Uint8Array): void {
  check(native.sendto(fd, bytes, bytes.length, 0, address, address.length), 'send');
}

/** Gives the length of the message that was waiting (it may exceed `into`), or undefined where none was. Never blocks. */
export function receive(fd: number, into: Uint8Array): number | undefined {
  const length: number = native.recv(fd, into, into.length, MSG_DONTWAIT | MSG_TRUNC);
  if (length >= 0) return length;
  const code = errnoName(koffi.errno());
  if (code === 'EAGAIN') return undefined;
  throw new KernelError('receive', code);
}

export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  check(native.setsockopt(fd, level, option, bytes, 4), `set up a socket (option ${level}/${option})`);
}

/** Opens for reading, unless `flags` say otherwise; gives a file descriptor, closed on exec. */
export function open(path: string, flags = 0): number {
  return check(native.open(path, O_CLOEXEC | flags), `open ${path}`);
}

/** Another descriptor of the same, closed on exec. */
export function duplicate(fd: number): number {
  return check(native.fcntl(fd, F_DUPFD_CLOEXEC, 0), 'duplicate a descriptor');
}

/** A descriptor by which one thread wakes another: each write of 8 bytes adds to what the next read gives. */
export function eventDescriptor(): number {
  return check(native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'make an event descriptor');
}

export function wake(fd: number): void {
  const one = new Uint8Array(8);
  one[0] = 1;
  check(native.write(fd, one, 8), 'wake a thread');
}

export function close(fd: number): void {
  check(native.close(fd), 'close a descriptor');
}

export function setns(fd: number, type: number): void {
  check(native.setns(fd, type), 'enter a namespace');
}

export function unshare(flags: number): void {
  check(native.unshare(flags), 'make a namespace');
}

export function bindMount(source: string, target: string): void {
  check(native.mount(source, target, 'none', MS_BIND, null), `mount on ${target}`);
}

/** A view of /proc as seen from here. */
export function mountProc(target: string): void {
  check(native.mount('proc', target, 'proc', 0, null), `mount on ${target}`);
}

export function unmount(target: string): void {
  check(native.umount2(target, MNT_DETACH), `unmount ${target}`);
}
