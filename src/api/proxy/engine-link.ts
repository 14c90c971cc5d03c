import { connect, type Socket } from 'node:net';
import { Body } from './body.ts';
import { type Header, parseResponseHead, type ResponseHead } from './head.ts';
import { Source } from './source.ts';
import { write } from './wire.ts';

/** Where an engine listens, as its address in the settings says it. */
export type EnginePlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** As `--docker` has it: `unix:///PATH` or `tcp://HOST:PORT`. */
export function enginePlace(address: string): EnginePlace {
  if (address.startsWith('unix://')) return { path: address.slice('unix://'.length) };
  const { hostname, port } = new URL(address);
  return { host: hostname, port: Number(port) };
}

/** An answer that was taken whole, as it came and understood. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: Buffer;
  readonly raw: Buffer;
}

/** Longer than anything that is looked into. */
const LONGEST_ANSWER = 16 * 1024 * 1024;

/** The connection to the engine that one client's requests go over. */
export class EngineLink {
  readonly source: Source;
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.source = new Source(socket);
  }

  /** Gives why not, for a person, where the engine can't be reached. */
  static dial(place: EnginePlace): Promise<EngineLink | string> {
    return new Promise(resolve => {
      const socket = connect({ ...place, allowHalfOpen: true, noDelay: true });
      socket.once('connect', () => {
        const link = new EngineLink(socket);
        resolve(link);
      });
      // After the connection stands, its end says all.
      socket.on('error', error => resolve(error.message));
    });
  }

  /** The next head, with its bytes; undefined where the engine ended the connection instead, or speaks something else. */
  async head(method: string): Promise<{ readonly bytes: Buffer; readonly head: ResponseHead } | undefined> {
    const read = await this.source.head();
    if (read === undefined || 'wrong' in read) return undefined;
    const parsed = parseResponseHead(read.bytes, method);
    return 'head' in parsed ? { bytes: read.bytes, head: parsed.head } : undefined;
  }

  /** Sends a request and takes its answer whole; undefined where there is none. */
  async ask(method: string, request: Buffer): Promise<Answer | undefined> {
    await write(this.socket, request);
    let head = await this.head(method);
    while (head !== undefined && head.head.status < 200) head = await this.head(method);
    if (head === undefined) return undefined;
    const parts: Buffer[] = [];
    const raw = [head.bytes];
    let size = 0;
    const body = new Body(head.head.framing, part => parts.push(part));
    while (!body.done) {
      const bytes = await this.source.read();
      if (bytes === undefined) {
        if (head.head.framing.kind !== 'close') return undefined;
        break;
      }
      const used = body.take(bytes);
      raw.push(bytes.subarray(0, used));
      this.source.unread(bytes.subarray(used));
      size += used;
      if (size > LONGEST_ANSWER) return undefined;
    }
    const { status, headers } = head.head;
    return { status, headers, body: Buffer.concat(parts), raw: Buffer.concat(raw) };
  }

  close(): void {
    this.socket.destroy();
  }
}
