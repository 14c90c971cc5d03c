import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';

/** What came back in one conversation: the head as it was written, and all that followed. */
export interface Heard {
  /** What it was about; the same on both sides. */
  readonly title: string;
  readonly head: readonly string[];
  readonly body: string;
}

export interface Asked {
  readonly title?: string;
  /** Objects are sent as JSON. */
  readonly body?: object | string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends the body in chunks. */
  readonly chunked?: boolean;
}

const PATIENCE_MS = 30_000;

/** Talks to whoever answers on a socket as an engine does, and keeps what was said. */
export class Client {
  /** In the order in which they began. */
  readonly heard: Heard[] = [];
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  #begin(title: string): (head: readonly string[], body: string) => void {
    const index = this.heard.length;
    this.heard.push({ title, head: [], body: '' });
    return (head, body) => {
      this.heard[index] = { title, head, body };
    };
  }

  /** One request over a connection of its own; gives the body of the answer, parsed where it is JSON. */
  async ask(method: string, path: string, { body, chunked, headers, title }: Asked = {}): Promise<unknown> {
    const hear = this.#begin(title ?? `${method} ${path}`);
    const bytes = bytesOf(body);
    const typed = bytes === undefined || Buffer.isBuffer(body) ? {} : { 'Content-Type': 'application/json' };
    const framed = bytes === undefined || chunked ? {} : { 'Content-Length': bytes.length };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        {
          socketPath: this.#socketPath,
          method,
          path,
          agent: false,
          headers: { ...typed, ...framed, ...headers },
        },
        resolve,
      );
      sent.setTimeout(PATIENCE_MS, () => sent.destroy(new Error(`${method} ${path}: no answer`)));
      sent.on('error', error => reject(new Error(`${method} ${path}: ${error.message}`)));
      if (chunked && bytes !== undefined)
        for (let at = 0; at < bytes.length; at += 700) sent.write(bytes.subarray(at, at + 700));
      sent.end(chunked ? undefined : bytes);
    });
    const parts: Buffer[] = [];
    for await (const part of answer) parts.push(part);
    const text = Buffer.concat(parts).toString('latin1');
    const head = [
      `${answer.httpVersion} ${answer.statusCode} ${answer.statusMessage}`,
      ...pairs(answer.rawHeaders),
    ];
    hear(head, text);
    return parsed(text);
  }

  /**
   * Writes bytes and hears all that comes, until the other side ends it or `until` has come; with `input`, that is written when
   * the first head has come, and then no more.
   */
  async say(
    title: string,
    bytes: string,
    options: { readonly until?: string; readonly input?: Buffer } = {},
  ): Promise<string> {
    const { input, until } = options;
    const hear = this.#begin(title);
    const socket = connect({ path: this.#socketPath, allowHalfOpen: true });
    const parts: Buffer[] = [];
    const text = (): string => Buffer.concat(parts).toString('latin1');
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${title}: it goes on; there is ${text().slice(-300)}`)),
        PATIENCE_MS,
      );
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      let toGive = input;
      socket.on('data', part => {
        parts.push(part);
        if (toGive !== undefined && text().includes('\r\n\r\n')) {
          socket.end(toGive);
          toGive = undefined;
        }
        if (until !== undefined && text().includes(until)) done();
      });
      socket.on('end', done).on('close', done).on('error', reject);
      socket.write(bytes, 'latin1');
    });
    socket.destroy();
    const said = text();
    hear([], until === undefined ? said : said.slice(0, said.indexOf(until) + until.length));
    return said;
  }
}

function bytesOf(body: Asked['body']): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function pairs(raw: readonly string[]): readonly string[] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
