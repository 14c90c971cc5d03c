import {
  AF_NETLINK,
  bind,
  close,
  errnoName,
  KernelError,
  receive,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  setSocketOption,
  socket,
} from '../libc.ts';
import { Attributes } from './attributes.ts';
import { messagesIn, type NetlinkMessage, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from './message.ts';
import { MessageWriter } from './writer.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_DUMP = 0x300;
/** On an acknowledgement: the request isn't repeated in it; explanations follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const SO_RCVBUFFORCE = 33;
/** Room for the acknowledgements of a batch of some thousand messages (about 1 kB of kernel memory each). */
const RECEIVE_BUFFER = 4 << 20;
/** The kernel makes dump messages of at most 32 KiB. */
const LARGEST_MESSAGE = 64 << 10;
const DUMP_ATTEMPTS = 10;
/** After so many parts (of up to 32 KiB) a gentle dump lets the event loop run: about 2 ms of work. */
const PARTS_A_TURN = 4;

/** One message to the kernel. */
export interface Request {
  readonly type: number;
  /** `NLM_F_*` beside REQUEST and ACK, which are set here. */
  readonly flags: number;
  /** Writes what follows the header. */
  readonly write: (writer: MessageWriter) => void;
  /** For people, after "to": `add the address 10.0.0.1/24`. */
  readonly what: string;
  /** Errno names that mean the wanted state is there already, e.g. `ENOENT` for a deletion: no refusal. */
  readonly tolerated?: readonly string[];
  /** False where the kernel gives no acknowledgement (the begin and end of an nfnetlink batch). */
  readonly acknowledged?: boolean;
}

/** A message of a batch that the kernel refused; the others of the batch were carried out nevertheless. */
export interface Refusal {
  /** Position in the batch. */
  readonly index: number;
  readonly error: KernelError;
}

/**
 * A netlink socket, used synchronously: the kernel does the work inside send(2) and has the answer queued when that
 * returns, so that no call here waits. Belongs to the namespace in which it was opened, and works from any.
 */
export class NetlinkSocket {
  readonly #fd: number;
  readonly #received = new Uint8Array(LARGEST_MESSAGE);
  #sequence = 1;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Sends all requests at once; gives those that were refused, in order. */
  batch(requests: readonly Request[]): readonly Refusal[] {
    if (requests.length === 0) return [];
    const first = this.#send(requests);
    return this.#acknowledgements(requests, first, () => undefined);
  }

  /** Sends all requests at once, and throws the first refusal. */
  run(...requests: readonly Request[]): void {
    const refused = this.batch(requests)[0];
    if (refused !== undefined) throw refused.error;
  }

  /** Asks for one object; `read` sees each message of the answer while its buffer is valid. Throws a refusal. */
  ask<T>(request: Request, read: (message: NetlinkMessage) => T): T | undefined {
    const first = this.#send([request]);
    let found: T | undefined;
    const refused = this.#acknowledgements([request], first, message => {
      found = read(message);
    })[0];
    if (refused !== undefined) throw refused.error;
    return found;
  }

  /** Asks for a whole table. `read` gives undefined for what is to be left out. A dump that was disturbed is repeated. */
  dump<T>(request: Request, read: (message: NetlinkMessage) => T | undefined): T[] {
    for (let attempt = 1; ; attempt += 1) {
      const found: T[] = [];
      let disturbed = false;
      for (const part of this.#dumpParts(request, read, found)) disturbed ||= part;
      if (!disturbed) return found;
      if (attempt === DUMP_ATTEMPTS) throw new KernelError(request.what, 'EINTR');
    }
  }

  /** As `dump`, but lets the event loop run between parts. Nothing else may use the socket meanwhile. */
  async dumpGently<T>(request: Request, read: (message: NetlinkMessage) => T | undefined): Promise<T[]> {
    for (let attempt = 1; ; attempt += 1) {
      const found: T[] = [];
      if (await this.scan(request, read, found)) return found;
      if (attempt === DUMP_ATTEMPTS) throw new KernelError(request.what, 'EINTR');
    }
  }

  /** One attempt of `dumpGently`: gives whether the table stayed as it was meanwhile. */
  async scan<T>(
    request: Request,
    read: (message: NetlinkMessage) => T | undefined,
    found: T[] = [],
  ): Promise<boolean> {
    let disturbed = false;
    let parts = 0;
    for (const part of this.#dumpParts(request, read, found)) {
      disturbed ||= part;
      parts += 1;
      if (parts % PARTS_A_TURN === 0) await new Promise(setImmediate);
    }
    return !disturbed;
  }

  close(): void {
    close(this.#fd);
  }

  /** Gives the sequence number of the first. */
  #send(requests: readonly Request[]): number {
    const first = this.#sequence;
    const writer = new MessageWriter();
    for (const { type, flags, write, acknowledged } of requests) {
      const ack = acknowledged === false ? 0 : NLM_F_ACK;
      writer.message(type, flags | NLM_F_REQUEST | ack, this.#sequence, () => write(writer));
      this.#sequence = (this.#sequence + 1) >>> 0;
    }
    send(this.#fd, writer.bytes());
    return first;
  }

  #acknowledgements(
    requests: readonly Request[],
    first: number,
    other: (message: NetlinkMessage) => void,
  ): readonly Refusal[] {
    const missing = new Set<number>();
    requests.forEach((request, index) => {
      if (request.acknowledged !== false) missing.add(index);
    });
    const refusals: Refusal[] = [];
    while (missing.size > 0) {
      const part = this.#receive();
      if (part === undefined) break;
      for (const message of messagesIn(part)) {
        const index = (message.sequence - first) >>> 0;
        const request = requests[index];
        if (request === undefined) continue;
        if (message.type !== NLMSG_ERROR) {
          other(message);
          continue;
        }
        missing.delete(index);
        const error = errorIn(message, request);
        if (error !== undefined) refusals.push({ index, error });
      }
    }
    // A batch that is refused as a whole (nfnetlink) is answered once.
    const why = refusals[0]?.error;
    for (const index of missing) {
      const what = requests[index]?.what ?? '';
      refusals.push({ index, error: why ?? new KernelError(what, 'ENODATA', 'the kernel gave no answer') });
    }
    return refusals.sort((a, b) => a.index - b.index);
  }

  /** One value a part: whether the table changed while it was read. */
  *#dumpParts<T>(
    request: Request,
    read: (message: NetlinkMessage) => T | undefined,
    found: T[],
  ): Generator<boolean> {
    const sequence = this.#send([{ ...request, flags: request.flags | NLM_F_DUMP, acknowledged: false }]);
    for (;;) {
      const part = this.#receive();
      if (part === undefined) throw new KernelError(request.what, 'ENODATA', 'the kernel gave no answer');
      let disturbed = false;
      let done = false;
      for (const message of messagesIn(part)) {
        if (message.sequence !== sequence) continue;
        disturbed ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          const error = errorIn(message, request);
          if (error !== undefined) throw error;
          done = true;
        } else {
          const value = read(message);
          if (value !== undefined) found.push(value);
        }
      }
      yield disturbed;
      if (done) return;
    }
  }

  /** The next datagram, valid until the next call; undefined where none waits. */
  #receive(): Uint8Array | undefined {
    const length = receive(this.#fd, this.#received);
    return length === undefined ? undefined : this.#received.subarray(0, length);
  }
}

/** Opens a socket of a netlink family (`NETLINK_*`) in the namespace that the thread is in. Throws a `KernelError`. */
export function openNetlink(protocol: number): NetlinkSocket {
  const fd = socket(AF_NETLINK, SOCK_RAW, protocol);
  try {
    const address = new Uint8Array(12);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, true);
    bind(fd, address);
    setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
    return new NetlinkSocket(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** What an acknowledgement (struct nlmsgerr) or the end of a dump says, or undefined where all went well. */
function errorIn(message: NetlinkMessage, { tolerated, what }: Request): KernelError | undefined {
  const { body, flags, type } = message;
  if (body.length < 4) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const errno = -view.getInt32(0, true);
  if (errno <= 0) return undefined;
  const code = errnoName(errno);
  // Before an error is made, which takes as long as the system call.
  if (tolerated?.includes(code)) return undefined;
  let texts = 4;
  if (type === NLMSG_ERROR) {
    const echoed = (flags & NLM_F_CAPPED) !== 0 || body.length < 8 ? 16 : view.getUint32(4, true);
    texts = 4 + ((echoed + 3) & ~3);
  }
  const explained = (flags & NLM_F_ACK_TLVS) !== 0 && texts < body.length;
  const text = explained ? new Attributes(body.subarray(texts)).text(NLMSGERR_ATTR_MSG) : undefined;
  return new KernelError(what, code, text === undefined ? undefined : `${text} (${code})`);
}
