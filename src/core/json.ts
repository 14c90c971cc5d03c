/** Reading the values of facts: JSON in UTF-8, of which every field is checked before it is believed. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function toBytes(value: object): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** The object in `bytes`, or undefined where they hold anything else. */
export function toObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string of at most `length` characters, none of them a control character. */
export function isText(value: unknown, length: number): value is string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return typeof value === 'string' && value.length <= length && !/[\u0000-\u001f\u007f]/.test(value);
}

export function isWithin(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
}
