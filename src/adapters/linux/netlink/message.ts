export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** The table changed while it was dumped: entries may be missing or there twice. */
export const NLM_F_DUMP_INTR = 0x10;

const HEADER = 16;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header (struct nlmsghdr); a view of the receive buffer. */
  readonly body: Uint8Array;
}

/** The messages of one datagram. Takes any bytes: ends at the first message whose length can't be right. */
export function* messagesIn(bytes: Uint8Array): Generator<NetlinkMessage> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) return;
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: bytes.subarray(at + HEADER, at + length),
    };
    at += (length + 3) & ~3;
  }
}
