import type { StreamMiddleware } from '@libp2p/interface';
import type { PeerId } from '../../core/address.ts';
import { Allowance } from '../../core/allowance.ts';
import { GOSSIP_RATES, MAX_RPC } from './limits.ts';

/**
 * Looks at the gossip that comes in, before gossipsub does: that one drops what it can't read, and never tires of it.
 * `breach` is told once a stream, in words.
 */
export function gossipMeter(breach: (peer: PeerId, reason: string) => void): StreamMiddleware {
  const rpcs = new Allowance(GOSSIP_RATES.rpcs);
  const bytes = new Allowance(GOSSIP_RATES.bytes);
  return (stream, connection, next) => {
    if (stream.direction === 'inbound') {
      const peer = connection.remotePeer.toString() as PeerId;
      const count = createFrameCounter();
      let broken = false;
      stream.addEventListener('message', ({ data }) => {
        const now = performance.now();
        const { frames, longest } = count(data.subarray());
        const reason =
          longest > MAX_RPC
            ? `it sent gossip of ${longest} bytes at once`
            : rpcs.spend(peer, frames, now) && bytes.spend(peer, data.byteLength, now)
              ? undefined
              : 'it sent more gossip than a router ever has to';
        if (reason === undefined || broken) return;
        broken = true;
        breach(peer, reason);
      });
    }
    next(stream, connection);
  };
}

/** Counts frames of a length (varint, the lower bits first) and so many bytes; tells what the longest announces. */
export function createFrameCounter(): (chunk: Uint8Array) => { frames: number; longest: number } {
  let skip = 0;
  let length = 0;
  let scale = 1;
  return chunk => {
    let frames = 0;
    let longest = 0;
    for (let index = 0; index < chunk.length; ) {
      if (skip > 0) {
        const skipped = Math.min(skip, chunk.length - index);
        skip -= skipped;
        index += skipped;
        continue;
      }
      const byte = chunk[index++]!;
      length += (byte & 127) * scale;
      scale *= 128;
      longest = Math.max(longest, length);
      if (byte > 127) continue;
      frames += 1;
      skip = length;
      length = 0;
      scale = 1;
    }
    return { frames, longest };
  };
}
