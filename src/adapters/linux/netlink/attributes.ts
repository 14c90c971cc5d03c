/** NLA_TYPE_MASK: without the flags for nests and byte order. */
const TYPE_MASK = 0x3fff;
const HEADER = 4;
const TEXT = new TextDecoder();

/**
 * The attributes (struct nlattr) of a netlink message or nest, by type. Each kind of value is read with the
 * length it must have; what is missing, cut off or of another length reads as undefined, never as garbage.
 */
export class Attributes {
  readonly #values = new Map<number, Uint8Array>();

  /** Takes any bytes: reading ends at the first attribute whose length can't be right. Of equal types the last counts. */
  constructor(bytes: Uint8Array) {
    for (const { type, value } of attributesIn(bytes)) this.#values.set(type, value);
  }

  has(type: number): boolean {
    return this.#values.has(type);
  }

  /** A view of the message's buffer: copy what is kept. */
  bytes(type: number): Uint8Array | undefined {
    return this.#values.get(type);
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

  u32Be(type: number): number | undefined {
    return this.#sized(type, 4)?.getUint32(0, false);
  }

  i32(type: number): number | undefined {
    return this.#sized(type, 4)?.getInt32(0, true);
  }

  /** Text up to its terminating zero. */
  text(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const zero = value.indexOf(0);
    return TEXT.decode(zero < 0 ? value : value.subarray(0, zero));
  }

  /** The attributes within this one; empty where it is missing. */
  nest(type: number): Attributes {
    return new Attributes(this.#values.get(type) ?? new Uint8Array(0));
  }

  #sized(type: number, size: number): DataView | undefined {
    const value = this.#values.get(type);
    if (value?.length !== size) return undefined;
    return new DataView(value.buffer, value.byteOffset, size);
  }
}

/** The attributes of `bytes` in their order, also such as repeat a type (lists). */
export function* attributesIn(bytes: Uint8Array): Generator<{ type: number; value: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < HEADER || at + length > bytes.length) return;
    const type = view.getUint16(at + 2, true) & TYPE_MASK;
    yield { type, value: bytes.subarray(at + HEADER, at + length) };
    at += (length + 3) & ~3;
  }
}
