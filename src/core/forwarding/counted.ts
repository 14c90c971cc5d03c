import { Sorted } from '../sorted.ts';

/** Values that several have a part in: each is there once, for as long as anybody has. */
export class Counted<Key extends string, Value> {
  readonly #sorted = new Sorted<Key, Value>();
  readonly #counts = new Map<Key, number>();

  add(key: Key, value: Value): void {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count === 0) this.#sorted.set(key, value);
  }

  remove(key: Key): void {
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) {
      this.#counts.set(key, count - 1);
    } else {
      this.#counts.delete(key);
      this.#sorted.delete(key);
    }
  }

  values(): readonly Value[] {
    return this.#sorted.values();
  }
}
