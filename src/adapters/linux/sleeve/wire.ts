import { VXLAN_OVERHEAD } from '../../../core/forwarding.ts';

/**
 * What routers send each other in user space. A message is one frame as the kernel gave it, as large as a kernel keeps it
 * together, with its virtio header before it; it is sealed, with its tag behind it. It goes in chunks of one size, each with this
 * header (big endian):
 *
 *      0  'm'          1  version       2  length of this chunk, header included
 *      4  its number   5  how many     6  bytes of the message in each chunk but the last
 *      8  the sender's address among tunnels
 *     12  session: tells what was meant for an earlier start of either router
 *     16  number of the message (8 bytes), never the same twice in a session
 *
 * The last 16 bytes are the same in all chunks of a message, and authenticated with it.
 */

export const HEADER = 24;
/** Of AES-256-GCM. */
export const TAG = 16;
/** Where what is authenticated beside the message begins. */
export const BOUND_AT = 8;

const MAGIC = 0x6d;
const VERSION = 1;

/** struct virtio_net_hdr_v1_hash_tunnel, the largest that a TAP device takes (linux/virtio_net.h). */
export const VNET_HEADER = 24;
export const ETHERNET = 14;
const ETHER_TYPE_IPV4 = 0x0800;

/** Whether the frame of a message, long enough for its headers, has an IPv4 packet in it. */
export const isIpv4 = (message: Buffer): boolean =>
  message.readUInt16BE(VNET_HEADER + ETHERNET - 2) === ETHER_TYPE_IPV4;

/** The largest message: a whole IPv4 packet with all that stands before and behind it. */
export const MESSAGE_MAX = VNET_HEADER + ETHERNET + 65_535 + TAG;
/** What a packet of a container has before and behind it here: Ethernet, VXLAN, Ethernet, and all of the above. */
export const AROUND_PACKET = HEADER + VNET_HEADER + ETHERNET + VXLAN_OVERHEAD + TAG;
const CHUNKS_MAX = 255;
/** The smallest chunks that a message can be cut into. */
export const CHUNK_MIN = HEADER + Math.ceil(MESSAGE_MAX / CHUNKS_MAX);

export interface Chunk {
  readonly length: number;
  readonly index: number;
  readonly count: number;
  /** Of the message, in each chunk but the last. */
  readonly payload: number;
  readonly sender: number;
  readonly session: number;
  readonly number: number;
}

/** What all chunks of a message have in common. */
export type Heading = Pick<Chunk, 'payload' | 'count' | 'sender' | 'session' | 'number'>;

export function writeHeading(into: Buffer, at: number, heading: Heading): void {
  into[at] = MAGIC;
  into[at + 1] = VERSION;
  into[at + 5] = heading.count;
  into.writeUInt16BE(heading.payload, at + 6);
  into.writeUInt32BE(heading.sender, at + 8);
  into.writeUInt32BE(heading.session, at + 12);
  into.writeUInt32BE(Math.floor(heading.number / 2 ** 32), at + 16);
  into.writeUInt32BE(heading.number >>> 0, at + 20);
}

export function writePlace(into: Buffer, at: number, length: number, index: number): void {
  into.writeUInt16BE(length, at + 2);
  into[at + 4] = index;
}

/** Undefined where the bytes from `at` to `end` do not begin with a chunk that can be right. */
export function readChunk(from: Buffer, at: number, end: number): Chunk | undefined {
  if (end - at < HEADER || from[at] !== MAGIC || from[at + 1] !== VERSION) return undefined;
  const length = from.readUInt16BE(at + 2);
  const [index = 0, count = 0] = [from[at + 4], from[at + 5]];
  const payload = from.readUInt16BE(at + 6);
  const carried = length - HEADER;
  if (length > end - at || index >= count || carried < 1 || carried > payload) return undefined;
  if (index < count - 1 && carried !== payload) return undefined;
  if (index * payload + carried > MESSAGE_MAX) return undefined;
  return {
    ...{ length, index, count, payload },
    sender: from.readUInt32BE(at + 8),
    session: from.readUInt32BE(at + 12),
    number: from.readUInt32BE(at + 16) * 2 ** 32 + from.readUInt32BE(at + 20),
  };
}
