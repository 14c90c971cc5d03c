/** Gossip of one RPC with `count` subscriptions, each to a topic of its own: about ten bytes each, as it goes on the wire. */
export function subscriptions(count: number): Buffer {
  const body = Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      const topic = Buffer.from(index.toString(36).padStart(4, '0'));
      // Protobuf: field 1 (a subscription) of 8 bytes; in it 1 (subscribe) is true, 2 (topic) has 4 bytes.
      return Buffer.concat([Buffer.from([0x0a, 8, 0x08, 1, 0x12, 4]), topic]);
    }),
  );
  const length: number[] = [];
  for (let rest = body.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.concat([Buffer.from(length), body]);
  }
}
