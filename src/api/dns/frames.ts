import { connect, type Socket } from 'node:net';

/** Messages over TCP: each behind its length in two bytes (RFC 7766). */

export const LARGEST_MESSAGE = 65_535;

/** Cuts a stream into messages. */
export class Frames {
  #rest: Buffer = Buffer.alloc(0);

  /** The messages that are complete with `chunk`. */
  take(chunk: Buffer): readonly Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) break;
      messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
    return messages;
  }
}

export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}

/** Sends one message and hands on what comes back; gives what ends it. */
export function exchangeFrames(
  server: { readonly host: string; readonly port: number },
  message: Uint8Array,
  heard: (bytes: Buffer) => void,
  failed: (why: string) => void,
): () => void {
  const frames = new Frames();
  const socket: Socket = connect(server, () => socket.write(framed(message)));
  socket.on('data', chunk => {
    for (const bytes of frames.take(chunk)) heard(bytes);
  });
  socket.on('error', error => failed((error as NodeJS.ErrnoException).code ?? error.message));
  return () => socket.destroy();
}
