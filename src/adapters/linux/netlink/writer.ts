/** Byte order is the host's: little-endian on both machines that are supported (x64, arm64), unless a name says `Be`. */

const HEADER = 16;
const NLA_F_NESTED = 0x8000;
const TEXT = new TextEncoder();

const align = (length: number): number => (length + 3) & ~3;

/** Writes netlink messages one behind the other into one growing buffer. */
export class MessageWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** What was written so far; valid until the next write. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** One message (struct nlmsghdr); its length is filled in when `body` has run. */
  message(type: number, flags: number, sequence: number, body: () => void): void {
    const start = this.#grow(HEADER);
    this.#view.setUint16(start + 4, type, true);
    this.#view.setUint16(start + 6, flags, true);
    this.#view.setUint32(start + 8, sequence, true);
    body();
    this.#view.setUint32(start, this.#length - start, true);
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
  }

  u16Be(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, false);
  }

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
  }

  /** One attribute (struct nlattr), padded to four bytes. */
  attribute(type: number, value: Uint8Array): void {
    const at = this.#header(type, value.length);
    this.#bytes.set(value, at);
  }

  attributeU8(type: number, value: number): void {
    const at = this.#header(type, 1);
    this.#view.setUint8(at, value);
  }

  attributeU16(type: number, value: number): void {
    const at = this.#header(type, 2);
    this.#view.setUint16(at, value, true);
  }

  attributeU16Be(type: number, value: number): void {
    const at = this.#header(type, 2);
    this.#view.setUint16(at, value, false);
  }

  attributeU32(type: number, value: number): void {
    const at = this.#header(type, 4);
    this.#view.setUint32(at, value, true);
  }

  attributeU32Be(type: number, value: number): void {
    const at = this.#header(type, 4);
    this.#view.setUint32(at, value, false);
  }

  /** Text with the terminating zero that the kernel's string policies want. */
  attributeText(type: number, text: string): void {
    const encoded = TEXT.encode(text);
    const at = this.#header(type, encoded.length + 1);
    this.#bytes.set(encoded, at);
  }

  /** An attribute that holds what `body` writes: other attributes, maybe behind a struct. */
  nest(type: number, body: () => void): void {
    const start = this.#grow(4);
    this.#view.setUint16(start + 2, type | NLA_F_NESTED, true);
    body();
    this.#view.setUint16(start, this.#length - start, true);
    this.#grow(align(this.#length) - this.#length);
  }

  #header(type: number, length: number): number {
    const start = this.#grow(align(4 + length));
    this.#view.setUint16(start, 4 + length, true);
    this.#view.setUint16(start + 2, type, true);
    return start + 4;
  }

  /** Room for `count` zero bytes; gives where they start. */
  #grow(count: number): number {
    const start = this.#length;
    const end = start + count;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.bytes());
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return start;
  }
}
