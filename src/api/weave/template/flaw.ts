/** What is wrong with a template, and where: thrown while one is read or filled in, never out of `render`. */
export class Flaw extends Error {
  /** Offset in the template, in UTF-16 units. */
  readonly at: number;

  constructor(at: number, why: string) {
    super(why);
    this.at = at;
  }
}
