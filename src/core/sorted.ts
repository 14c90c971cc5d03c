import { compare } from './address.ts';

/** With more changes than this at once, sorting all anew costs less than putting each in its place. */
const SPLICES = 64;

/**
 * Values in the order of their keys, as an array that others may keep: it is made anew where something changed, and is
 * the same array where nothing did.
 */
export class Sorted<Key extends string, Value> {
  readonly #held = new Map<Key, Value>();
  readonly #changed = new Set<Key>();
  #keys: Key[] = [];
  #values: readonly Value[] = [];

  get(key: Key): Value | undefined {
    return this.#held.get(key);
  }

  set(key: Key, value: Value): void {
    this.#held.set(key, value);
    this.#changed.add(key);
  }

  delete(key: Key): void {
    if (this.#held.delete(key)) this.#changed.add(key);
  }

  values(): readonly Value[] {
    if (this.#changed.size > SPLICES) this.#sort();
    else if (this.#changed.size > 0) this.#splice();
    this.#changed.clear();
    return this.#values;
  }

  #sort(): void {
    this.#keys = [...this.#held.keys()].sort(compare);
    this.#values = this.#keys.map(key => this.#held.get(key)!);
  }

  #splice(): void {
    const values = this.#values.slice();
    for (const key of this.#changed) {
      const place = this.#placeOf(key);
      const isThere = this.#keys[place] === key;
      const value = this.#held.get(key);
      if (value === undefined) {
        if (!isThere) continue;
        this.#keys.splice(place, 1);
        values.splice(place, 1);
      } else if (isThere) {
        values[place] = value;
      } else {
        this.#keys.splice(place, 0, key);
        values.splice(place, 0, value);
      }
    }
    this.#values = values;
  }

  /** The first place whose key isn't lower. */
  #placeOf(key: Key): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
