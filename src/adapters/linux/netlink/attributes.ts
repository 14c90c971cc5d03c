/** NLA_TYPE_MASK: without the flags for nests and byte order. */
const TYPE_MASK = 0x3fff;
const HEADER = 4;
const TEXT = new TextDecoder();

/**
 * The attributes (struct nlattr) of a netlink message or nest, by type. Each kind of value is read with the
 * length it must have; what is missing, cut off or of another length reads as undefined, never as garbage.
 * Any bytes may be given: they end at the first attribute whose length can't be right. Of equal types the last counts.
 * Nothing is read before it is asked for, since tables have many thousand entries and few attributes of each matter.
 */
export class Attributes {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  has(type: number): boolean {
    return this.#find(type) >= 0;
  }

  /** A view of the message's buffer: copy what is kept. */
  bytes(type: number): Uint8Array | undefined {
    const at = this.#find(type);
    return at < 0 ? undefined : this.#bytes.subarray(at + HEADER, at + lengthAt(this.#bytes, at));
  }

  u8(type: number): number | undefined {
    return this.#sized(type, 1)?.getUint8(0);
  }

  u16(type: number): number | undefined {
    return this.#sized(type, 2)?.getUint16(0, true);
  }

  u16Be(type: number): number | undefined {
    return this.#sized(type, 2)?.getUint16(0, false);
  }

  u32(type: number): number | undefined {
    return this.#sized(type, 4)?.getUint32(0, true);
  }

  i32(type: number): number | undefined {
    return this.#sized(type, 4)?.getInt32(0, true);
  }

  /** Bytes in the order of the wire as one number, for at most six of them: a MAC or an IPv4 address. */
  number(type: number, size: number): number | undefined {
    const at = this.#find(type);
    if (at < 0 || lengthAt(this.#bytes, at) !== HEADER + size) return undefined;
    let number = 0;
    for (let index = 0; index < size; index += 1) number = number * 256 + this.#bytes[at + HEADER + index]!;
    return number;
  }

  /** Text up to its terminating zero. */
  text(type: number): string | undefined {
    const value = this.bytes(type);
    if (value === undefined) return undefined;
    const zero = value.indexOf(0);
    return TEXT.decode(zero < 0 ? value : value.subarray(0, zero));
  }

  /** The attributes within this one; empty where it is missing. */
  nest(type: number): Attributes {
    return new Attributes(this.bytes(type) ?? new Uint8Array(0));
  }

  #sized(type: number, size: number): DataView | undefined {
    const at = this.#find(type);
    if (at < 0 || lengthAt(this.#bytes, at) !== HEADER + size) return undefined;
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at + HEADER, size);
  }

  /** Where the last attribute of this type begins; negative where there is none. */
  #find(type: number): number {
    let found = -1;
    for (let at = 0; hasAttributeAt(this.#bytes, at); at = nextAfter(this.#bytes, at)) {
      if (typeAt(this.#bytes, at) === type) found = at;
    }
    return found;
  }
}

/** The attributes of `bytes` in their order, also such as repeat a type (lists). */
export function* attributesIn(bytes: Uint8Array): Generator<{ type: number; value: Uint8Array }> {
  for (let at = 0; hasAttributeAt(bytes, at); at = nextAfter(bytes, at)) {
    yield { type: typeAt(bytes, at), value: bytes.subarray(at + HEADER, at + lengthAt(bytes, at)) };
  }
}

function hasAttributeAt(bytes: Uint8Array, at: number): boolean {
  if (at + HEADER > bytes.length) return false;
  const length = lengthAt(bytes, at);
  return length >= HEADER && at + length <= bytes.length;
}

function nextAfter(bytes: Uint8Array, at: number): number {
  return at + ((lengthAt(bytes, at) + 3) & ~3);
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

function typeAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 2]! | (bytes[at + 3]! << 8)) & TYPE_MASK;
}
