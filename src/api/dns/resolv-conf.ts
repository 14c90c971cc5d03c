import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** How often the file is looked at, at most. */
const LOOK_MS = 1_000;
/** As the resolver of the C library: more are not asked. */
const MOST_SERVERS = 3;
const LINE = /^\s*nameserver\s+(\S+)/;

/** The servers that a resolv.conf(5) names, read again when it has changed. Unreadable, it names none. */
export class ResolvConf {
  readonly #path: string;
  #servers: readonly string[] = [];
  #mark = '';
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  /** Addresses in the order of the file, but for those that `isOwn`. */
  servers(isOwn: (address: string) => boolean): readonly string[] {
    const now = performance.now();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#servers.filter(address => !isOwn(address)).slice(0, MOST_SERVERS);
  }

  #look(): void {
    try {
      const { mtimeMs, ino, size } = statSync(this.#path);
      const mark = `${mtimeMs} ${ino} ${size}`;
      if (mark === this.#mark) return;
      this.#servers = parseServers(readFileSync(this.#path, 'utf8'));
      this.#mark = mark;
    } catch {
      this.#servers = [];
      this.#mark = '';
    }
  }
}

export function parseServers(text: string): readonly string[] {
  const named = text.split('\n').flatMap(line => LINE.exec(line)?.[1] ?? []);
  return [...new Set(named.filter(address => isIP(address.split('%')[0]!) !== 0))];
}
