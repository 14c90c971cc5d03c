import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Result, refuse } from '../../core/errors.ts';
import { fileProblem, isSystemError } from './problems.ts';

/**
 * One router a state directory, also where two routers see different processes and networks (one in a container).
 * A pid means nothing there, and Node has no flock. A socket that listens does: the kernel closes it with its process,
 * however that ends, and it answers across namespaces. One fixed name would have to be taken from the dead in two
 * steps, which two starters can do at once; so each has a name of its own, shows it, and only then looks round. Of two
 * that do so at the same time at least one sees the other, and of those that only want it the first by name wins.
 */
export interface Lock {
  release(): Promise<void>;
}

/** A rival on a busy machine may take this long to say that it only wants the lock, or to be gone. */
const ANSWER_MS = 5_000;
const AGAIN_MS = 20;
const LOCK = /^lock-[0-9a-f]{16}$/;

interface Rival {
  /** `ending`: it hung up without a word; what it was is soon gone. */
  readonly state: 'held' | 'wanted' | 'ending';
  readonly process: string;
}

/** Refuses with `router-running`, `state-unwritable`, `state-full`. */
export async function lockDirectory(path: string): Promise<Result<Lock>> {
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    return await new Candidate(path, directory).run();
  } catch (error) {
    await directory?.close();
    return refuse(fileProblem(error, path));
  }
}

/** The process that has the lock of a directory; undefined where none has. Changes nothing. */
export async function lockHolder(path: string): Promise<string | undefined> {
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    for (const name of await readdir(path)) {
      const rival = LOCK.test(name) ? await ask(`/proc/self/fd/${directory.fd}/${name}`) : undefined;
      if (rival?.state === 'held') return rival.process;
    }
    return undefined;
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  } finally {
    await directory?.close();
  }
}

class Candidate implements Lock {
  readonly #path: string;
  readonly #directory: FileHandle;
  readonly #name = `lock-${randomBytes(8).toString('hex')}`;
  readonly #server: Server;
  #held = false;

  constructor(path: string, directory: FileHandle) {
    this.#path = path;
    this.#directory = directory;
    this.#server = createServer(socket => {
      socket.on('error', () => undefined);
      socket.end(`${this.#held ? 'held' : 'wanted'} ${process.pid}\n`);
    });
    this.#server.unref();
  }

  async run(): Promise<Result<Lock>> {
    // Between bind and listen it would be taken for dead, so it gets its name afterwards.
    await listen(this.#server, this.#at(`${this.#name}.new`));
    try {
      await rename(this.#at(`${this.#name}.new`), this.#at(this.#name));
      for (const deadline = performance.now() + ANSWER_MS; ; ) {
        const rivals = await this.#rivals();
        if (rivals.size === 0) break;
        const isLate = performance.now() > deadline;
        const stronger = [...rivals].find(
          ([name, { state }]) => state === 'held' || isLate || (state === 'wanted' && name < this.#name),
        );
        if (stronger !== undefined) {
          await this.release();
          return refuse({ code: 'router-running', how: `process ${stronger[1].process} uses ${this.#path}` });
        }
        await sleep(AGAIN_MS);
      }
    } catch (error) {
      this.#server.close();
      await rm(this.#at(this.#name), { force: true }).catch(() => undefined);
      throw error;
    }
    this.#held = true;
    return ok(this);
  }

  async release(): Promise<void> {
    await rm(this.#at(this.#name), { force: true });
    await new Promise(resolve => this.#server.close(resolve));
    await this.#directory.close();
  }

  /** Through the open directory: the path of a socket may have 107 bytes only. */
  #at(name: string): string {
    return `/proc/self/fd/${this.#directory.fd}/${name}`;
  }

  /** The others that live; the dead are swept away (no name is ever used twice). */
  async #rivals(): Promise<Map<string, Rival>> {
    const rivals = new Map<string, Rival>();
    for (const name of await readdir(this.#path)) {
      if (!LOCK.test(name) || name === this.#name) continue;
      const rival = await ask(this.#at(name));
      if (rival === undefined) await rm(this.#at(name), { force: true });
      else rivals.set(name, rival);
    }
    return rivals;
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** What listens there says, or undefined where nothing does. One that doesn't answer (stopped, busy) lives. */
function ask(path: string): Promise<Rival | undefined> {
  return new Promise(resolve => {
    const socket = connect(path);
    let text = '';
    const answer = (rival: Rival | undefined): void => {
      socket.destroy();
      resolve(rival);
    };
    socket
      .setEncoding('utf8')
      .setTimeout(ANSWER_MS, () => answer({ state: 'held', process: 'that is silent' }));
    socket.on('data', (data: string) => {
      text += data;
    });
    socket.on('end', () => {
      const [state, process = 'that is ending'] = text.trim().split(' ');
      answer({ state: state === 'held' || state === 'wanted' ? state : 'ending', process });
    });
    socket.on('error', error => {
      const dead = isSystemError(error) && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT');
      answer(dead ? undefined : { state: 'ending', process: 'that is ending' });
    });
  });
}
