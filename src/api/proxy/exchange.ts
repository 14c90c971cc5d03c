import { BadChunk, Body } from './body.ts';
import type { Answer, EngineLink } from './engine-link.ts';
import { hasWord, type RequestHead, valuesOf } from './head.ts';
import type { Source } from './source.ts';
import { versionOf } from './target.ts';
import { requestBytes, write } from './wire.ts';

/** What happens to the client's connection after an exchange. */
export type Next = 'go-on' | 'end';

/** Bodies that are looked into are small; longer ones are refused. */
const LONGEST_BODY = 4 * 1024 * 1024;
const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** Ends an exchange with this answer, in the engine's own form. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    // It quotes what the client wrote, whatever is in it.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
    super(message.replace(/[\u0000-\u001f\u007f]+/g, ' '));
    this.status = status;
  }
}

/** A request as it came: its head, understood and in bytes. */
export interface Request {
  readonly head: RequestHead;
  readonly bytes: Buffer;
}

/** One request of a client and its answer. */
export class Exchange {
  readonly head: RequestHead;
  readonly #bytes: Buffer;
  readonly #client: Source;
  readonly #dial: () => Promise<EngineLink>;
  #body: Buffer | undefined;

  /** `dial` gives the connection to the engine, or throws `Refused`. */
  constructor({ head, bytes }: Request, client: Source, dial: () => Promise<EngineLink>) {
    this.head = head;
    this.#bytes = bytes;
    this.#client = client;
    this.#dial = dial;
  }

  /** The whole body. */
  async body(): Promise<Buffer> {
    this.#body ??= await this.#read();
    return this.#body;
  }

  /** Has the engine answer the request, with this body in the place of its own. */
  ask(body: Buffer): Promise<Answer> {
    return this.#ask(this.head, body);
  }

  /** Has it answer another question about `path`, in the version of its API that the request is in. */
  look(path: string): Promise<Answer> {
    const { head } = this;
    // The connection has to go on, whatever the client wants of it.
    const kept = head.headers.filter(({ name }) => !/^(host|connection|upgrade)$/i.test(name));
    const headers = [{ name: 'Host', value: 'docker' }, ...kept];
    const asked = { method: 'GET', target: versionOf(head) + path, version: '1.1', headers } as const;
    return this.#ask({ ...head, ...asked }, Buffer.alloc(0));
  }

  async #ask(head: RequestHead, body: Buffer): Promise<Answer> {
    const link = await this.#dial();
    const answer = await link.ask(head.method, requestBytes(head, body));
    if (answer === undefined) throw new Refused(502, 'the Docker engine broke off instead of answering');
    return answer;
  }

  /** Gives the client its answer. */
  async reply(answer: Buffer): Promise<Next> {
    await write(this.#client.socket, answer);
    const { headers, version } = this.head;
    return version === '1.0' || hasWord(headers, 'connection', 'close') ? 'end' : 'go-on';
  }

  /** Lets the request and its answer through as they are; what either side ends is ended on the other. */
  async pass(): Promise<Next> {
    const link = await this.#dial();
    const whole = this.#body;
    const body = new Body(whole === undefined ? this.head.framing : { kind: 'none' });
    const first = whole === undefined ? this.#bytes : requestBytes(this.head, whole);
    // In one piece: an engine may answer and hang up before it has read all, and nobody can write to it then.
    await write(link.socket, Buffer.concat([first, begin(this.#client, body)]));
    let broken: BadChunk | undefined;
    const sent = send(this.#client, body, link).catch((error: unknown) => {
      if (!(error instanceof BadChunk)) throw error;
      broken = error;
      link.close();
      return false;
    });
    const { next, hasBegun } = await this.#receive(link, sent);
    this.#client.whenOver(undefined);
    if (broken !== undefined && !hasBegun) throw new Refused(400, broken.message);
    return next;
  }

  async #read(): Promise<Buffer> {
    const { framing, headers } = this.head;
    const tooLong = new Refused(413, `a body that is looked into has at most ${LONGEST_BODY} bytes`);
    if (framing.kind === 'length' && framing.length > LONGEST_BODY) throw tooLong;
    if (framing.kind !== 'none' && hasWord(headers, 'expect', '100-continue'))
      await write(this.#client.socket, CONTINUE);
    const parts: Buffer[] = [];
    let size = 0;
    const body = new Body(framing, part => {
      parts.push(part);
      size += part.length;
    });
    while (!body.done) {
      const bytes = await this.#client.read();
      if (bytes === undefined) throw new Refused(400, 'the request broke off');
      this.#client.unread(bytes.subarray(body.take(bytes)));
      if (size > LONGEST_BODY) throw tooLong;
    }
    return Buffer.concat(parts);
  }

  /** Whether the engine ends the connection after an answer with these headers. */
  #isLast(headers: RequestHead['headers']): boolean {
    return this.head.version === '1.0'
      ? !hasWord(headers, 'connection', 'keep-alive')
      : hasWord(headers, 'connection', 'close');
  }

  async #receive(link: EngineLink, sent: Promise<boolean>): Promise<{ next: Next; hasBegun: boolean }> {
    for (let hasBegun = false; ; hasBegun = true) {
      const answer = await link.head(this.head.method);
      if (answer === undefined) return { next: 'end', hasBegun };
      await write(this.#client.socket, answer.bytes);
      const { status, headers, framing } = answer.head;
      if (status === 101 || (status === 200 && framing.kind === 'close' && isStream(headers))) {
        await sent;
        this.#client.whenOver(undefined);
        await Promise.all([pump(this.#client, link.source), pump(link.source, this.#client)]);
        return { next: 'end', hasBegun: true };
      }
      if (status < 200) continue;
      const isWhole = await relay(link.source, this.#client, new Body(framing));
      // What comes after a request that was answered before it was whole can't be told from it.
      const isSent = await Promise.race([sent, Promise.resolve(false)]);
      const isLast = framing.kind === 'close' || this.#isLast(headers);
      return { next: isWhole && isSent && !isLast ? 'go-on' : 'end', hasBegun: true };
    }
  }
}

/** Old clients are not told by a status that a connection has become a stream. */
function isStream(headers: RequestHead['headers']): boolean {
  return valuesOf(headers, 'content-type').some(type =>
    /^application\/vnd\.docker\.(raw|multiplexed)-stream/.test(type),
  );
}

/** The body of a request; gives whether it came whole. From then on the client's end is told to the engine. */
async function send(client: Source, body: Body, link: EngineLink): Promise<boolean> {
  const isWhole = await relay(client, link.source, body);
  if (isWhole) client.whenOver(() => link.socket.end());
  else link.socket.end();
  return isWhole;
}

/** As much of a body as has come already. */
function begin(from: Source, body: Body): Buffer {
  const bytes = from.atHand();
  const used = body.take(bytes);
  from.unread(bytes.subarray(used));
  return bytes.subarray(0, used);
}

/** Hands a body on; gives whether it came whole. */
async function relay(from: Source, to: Source, body: Body): Promise<boolean> {
  while (!body.done) {
    const bytes = await from.read();
    if (bytes === undefined) return body.endsWithConnection;
    const used = body.take(bytes);
    from.unread(bytes.subarray(used));
    await write(to.socket, bytes.subarray(0, used));
  }
  return true;
}

/** Hands everything on, and the end of it. */
async function pump(from: Source, to: Source): Promise<void> {
  for (let bytes = await from.read(); bytes !== undefined; bytes = await from.read())
    await write(to.socket, bytes);
  if (from.socket.destroyed) to.socket.destroy();
  else to.socket.end();
}
