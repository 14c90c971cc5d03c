import { closeSync, fstatSync, openSync, statfsSync } from 'node:fs';
import { bindMount, CLONE_NEWNET, close, open, setns, unshare } from './libc.ts';

/** Network namespaces: entered only synchronously, and never left half-way. */

/** An open network namespace. It lives at least until `close`. */
export interface Namespace {
  readonly fd: number;
  /** Tells two namespaces apart while either is open. */
  readonly identity: string;
  /**
   * Runs `action` inside, and comes back. It must be synchronous: an `await` in it would let other code of
   * this thread run in the wrong namespace. What it opens there (sockets) goes on working outside.
   */
  inside<T>(action: () => T): T;
  close(): void;
}

/** From statfs(2). */
const NSFS_MAGIC = 0x6e736673;
const OWN = '/proc/thread-self/ns/net';

/** The namespace that the thread is in: entering and leaving nest. Opened at the first use. */
let current: number | undefined;

function currentFd(): number {
  current ??= open(OWN);
  return current;
}

/** Whether `path` is a namespace of any kind: a file of the kernel's nsfs, not an ordinary one. */
export function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/** Throws a `KernelError`: `ENOENT` where nothing is, `EINVAL` where it is not a network namespace. */
export function openNamespace(path: string): Namespace {
  const fd = open(path);
  try {
    return wrap(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** The namespace of this process. */
export function ownNamespace(): Namespace {
  return openNamespace(OWN);
}

/**
 * Makes a namespace that outlives this process: bound to `path`, an ordinary file that is made where there is none.
 * `prepare` runs inside before it is bound; where it throws, nothing is left but the file.
 */
export function pinNewNamespace(path: string, prepare: () => void): void {
  closeSync(openSync(path, 'a', 0o600));
  inNew(() => {
    prepare();
    bindMount(OWN, path);
  }).close();
}

/** Makes a namespace that ends with `close`. */
export function newNamespace(): Namespace {
  return inNew(() => undefined);
}

/** Makes a namespace and runs `action` inside; where that throws, the namespace ends. */
function inNew(action: () => void): Namespace {
  const before = currentFd();
  unshare(CLONE_NEWNET);
  let made: number | undefined;
  let done = false;
  try {
    made = open(OWN);
    current = made;
    action();
    done = true;
  } finally {
    returnTo(before);
    if (!done && made !== undefined) close(made);
  }
  return wrap(made);
}

function wrap(fd: number): Namespace {
  enter(fd, () => undefined);
  const { dev, ino } = fstatSync(fd);
  return { fd, identity: `${dev}:${ino}`, inside: action => enter(fd, action), close: () => close(fd) };
}

function enter<T>(fd: number, action: () => T): T {
  const before = currentFd();
  setns(fd, CLONE_NEWNET);
  current = fd;
  try {
    return action();
  } finally {
    returnTo(before);
  }
}

/** A thread that can't come back would do all later work in the wrong place: nothing is safe any more. */
function returnTo(before: number): void {
  try {
    setns(before, CLONE_NEWNET);
    current = before;
  } catch {
    process.abort();
  }
}
