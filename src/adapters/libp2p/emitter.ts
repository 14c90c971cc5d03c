import type { TransportEvent } from '../../ports/transport.ts';

export interface Emitter {
  start(listener: (event: TransportEvent) => unknown): void;
  stop(): void;
  /** Gives what the listener said of `event`, or undefined where it has to wait. */
  emit(event: TransportEvent): unknown;
}

/** Hands events on one at a time, in order: what is emitted while the listener runs comes when it is done. */
export function createEmitter(): Emitter {
  const queue: TransportEvent[] = [];
  let listener: ((event: TransportEvent) => unknown) | undefined;
  let running = false;

  return {
    start(to) {
      listener = to;
    },
    stop() {
      listener = undefined;
      queue.length = 0;
    },
    emit(event) {
      if (listener === undefined) return undefined;
      if (running) {
        queue.push(event);
        return undefined;
      }
      running = true;
      try {
        const said = listener(event);
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) listener?.(next);
        return said;
      } finally {
        running = false;
      }
    },
  };
}
