import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type DecodedPacket, decode, encode, type Packet, type RecordType } from 'dns-packet';
import { Frames, framed } from '../../../src/api/dns/frames.ts';

/** A client of DNS servers, with the library that the server does not read with. */

export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface Asking {
  readonly type?: RecordType;
  /** The size that EDNS gives; none: no EDNS. */
  readonly edns?: number;
  readonly id?: number;
}

export function questionBytes(name: string, { type = 'A', edns, id = 4711 }: Asking = {}): Buffer {
  const packet: Packet = { type: 'query', id, flags: 0x100, questions: [{ name, type }] };
  if (edns === undefined) return encode(packet);
  const opt = { type: 'OPT', name: '.', udpPayloadSize: edns, flags: 0 } as const;
  return encode({ ...packet, additionals: [opt as never] });
}

/** Sends a datagram; gives what comes back, undefined where nothing does for `timeoutMs`. */
export function exchange(server: Server, bytes: Uint8Array, timeoutMs = 2_000): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  return new Promise<Buffer | undefined>((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    socket.once('message', message => {
      clearTimeout(timer);
      resolve(message);
    });
    socket.once('error', reject);
    socket.send(bytes, server.port, server.address);
  }).finally(() => socket.close());
}

/** The library's types leave `rcode` out. */
export type Answer = DecodedPacket & { readonly rcode: string };

export const decodeAnswer = (bytes: Buffer): Answer => decode(bytes) as Answer;

export async function ask(server: Server, name: string, asking: Asking = {}): Promise<Answer> {
  const bytes = await exchange(server, questionBytes(name, asking), 10_000);
  if (bytes === undefined) throw new Error(`no answer about ${name}`);
  return decodeAnswer(bytes);
}

/** Asks over TCP, all questions at once; gives the answers in the order of the questions. */
export function askStream(server: Server, names: readonly string[]): Promise<readonly Answer[]> {
  const queries = names.map((name, id) => framed(questionBytes(name, { id })));
  const answers: Answer[] = [];
  const frames = new Frames();
  const socket = connect(server.port, server.address, () => socket.write(Buffer.concat(queries)));
  return new Promise<readonly Answer[]>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was ended')));
    socket.on('data', chunk => {
      for (const bytes of frames.take(chunk)) {
        const answer = decodeAnswer(bytes);
        answers[answer.id ?? 0] = answer;
      }
      if (Object.keys(answers).length === names.length) resolve(answers);
    });
  }).finally(() => socket.destroy());
}

/** The addresses that an answer holds, sorted. */
export function addressesIn(answer: DecodedPacket): readonly string[] {
  return (answer.answers ?? []).flatMap(record => (record.type === 'A' ? [record.data] : [])).sort();
}
