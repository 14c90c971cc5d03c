import { type BigIntStats, readlinkSync, statfsSync, statSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Container, ContainerEvent, ContainerRuntime } from '../../ports/container-runtime.ts';
import type { Log } from '../../ports/log.ts';
import { KernelError } from './libc.ts';
import { openNamespace } from './namespace.ts';

/** What stands before the path in the name and id of a bare namespace. */
export const BARE_NAMESPACE_PREFIX = 'netns:';

export interface BareNamespaces extends ContainerRuntime {
  /** Watches the namespace at `path`, which need not be there now: one that was attached before a restart. */
  follow(path: string): void;
}

/** include/uapi/linux/magic.h */
const NSFS_MAGIC = 0x6e736673;
/** Nothing tells of mounts and unmounts, so one looks. */
const LOOK_MS = 2000;

/** What is at a path. The mark of a namespace differs from that of any other which comes in its place. */
type Found =
  | { readonly kind: 'missing' }
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'namespace'; readonly mark: string; readonly host: boolean };

/**
 * Network namespaces by path (`netns:/run/netns/blue`) in place of containers. Ids are `netns:PATH`. The one at
 * `switchPath` is none: all that is attached hangs on it.
 */
export function createBareNamespaces(log: Log, switchPath?: string): BareNamespaces {
  /** What was at each path when it was last looked at. */
  const followed = new Map<string, Found>();
  const listeners = new Set<(event: ContainerEvent) => void>();
  let timer: NodeJS.Timeout | undefined;

  function lookAll(): void {
    for (const [path, before] of followed) {
      const now = look(path, before);
      followed.set(path, now);
      for (const kind of changes(before, now)) {
        log.debug('a namespace changed', { path, kind });
        for (const listener of [...listeners]) listener({ kind, id: BARE_NAMESPACE_PREFIX + path });
      }
    }
  }

  return {
    async inspect(nameOrId) {
      const inspected = inspect(nameOrId, followed, switchPath);
      if (!inspected.ok) return inspected;
      const { container, found } = inspected.value;
      // One that is watched already keeps its mark: the next look tells what changed.
      if (!followed.has(container.sandbox)) followed.set(container.sandbox, found);
      return ok(container);
    },
    follow(path) {
      if (!followed.has(path)) followed.set(path, look(path));
    },
    watch(listener) {
      listeners.add(listener);
      timer ??= setInterval(lookAll, LOOK_MS);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

function inspect(
  nameOrId: string,
  followed: ReadonlyMap<string, Found>,
  switchPath?: string,
): Result<{ container: Container; found: Found }> {
  if (!nameOrId.startsWith(BARE_NAMESPACE_PREFIX)) {
    return refuse({ code: 'container-unknown', container: nameOrId });
  }
  const path = nameOrId.slice(BARE_NAMESPACE_PREFIX.length);
  const unknown = (why: string) => refuse({ code: 'namespace-unknown', path, why });
  if (!isAbsolute(path)) return unknown('the path must begin with a slash');
  const found = look(path, followed.get(path));
  if (found.kind === 'missing') return unknown('there is no such file');
  if (found.kind === 'other') return unknown(found.why);
  if (found.host) return refuse({ code: 'container-host-network', container: nameOrId });
  if (switchPath !== undefined && isSame(switchPath, statSync(path, { bigint: true })))
    return unknown('it is the switch of the mesh');
  return ok({ container: { id: nameOrId, name: basename(path), sandbox: path }, found });
}

function changes(before: Found, now: Found): ('started' | 'died' | 'removed')[] {
  const kinds: ('started' | 'died' | 'removed')[] = [];
  const same = before.kind === 'namespace' && now.kind === 'namespace' && before.mark === now.mark;
  if (same) return kinds;
  if (before.kind === 'namespace') kinds.push('died');
  if (before.kind !== 'missing' && now.kind === 'missing') kinds.push('removed');
  if (now.kind === 'namespace') kinds.push('started');
  return kinds;
}

/** Spares itself the long way where `before` still holds. */
function look(path: string, before?: Found): Found {
  try {
    const stats = statSync(path, { bigint: true });
    if (statfsSync(path).type !== NSFS_MAGIC) return { kind: 'other', why: 'it is another kind of file' };
    if (before?.kind === 'namespace' && before.mark === mountMark(stats)) return before;
    return lookAtNamespace(path, stats);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    return { kind: 'other', why: code === 'EACCES' ? 'permission denied' : String(code ?? error) };
  }
}

/**
 * The kind of a namespace shows in the target of its link (/proc/PID/ns/net: `net:[4026531833]`); where it is mounted on
 * a file, in that it can be entered. Inode numbers are given out again, so where it is mounted the time at which its
 * inode was made marks it too; behind a link that time is new at every look.
 */
function lookAtNamespace(path: string, stats: BigIntStats): Found {
  const kind = `net:[${stats.ino}]`;
  const host = ['/proc/self/ns/net', '/proc/1/ns/net'].some(own => isSame(own, stats));
  if (linkTarget(path) === kind) return { kind: 'namespace', mark: kind, host };
  try {
    openNamespace(path).close();
  } catch (error) {
    if (!(error instanceof KernelError) || error.code !== 'EINVAL') throw error;
    return { kind: 'other', why: 'it is a namespace, but not one of networks' };
  }
  return { kind: 'namespace', mark: mountMark(stats), host };
}

const mountMark = (stats: BigIntStats): string => `${stats.ino} made ${stats.ctimeNs}`;

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** False also where the other may not be looked at. */
function isSame(path: string, stats: BigIntStats): boolean {
  try {
    const other = statSync(path, { bigint: true });
    return other.dev === stats.dev && other.ino === stats.ino;
  } catch {
    return false;
  }
}
