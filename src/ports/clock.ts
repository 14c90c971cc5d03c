/** Milliseconds on a clock that never jumps; only differences mean something. */
export type Millis = number;

/** Time, so that tests and the simulator can bring their own. */
export interface Clock {
  now(): Millis;
  /** Runs `action` once, `delay` from now, unless the returned function is called first. */
  after(delay: Millis, action: () => void): () => void;
}
