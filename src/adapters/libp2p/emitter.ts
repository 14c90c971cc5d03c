import type { TransportEvent } from '../../ports/transport.ts';

export interface Emitter {
  start(listener: (event: TransportEvent) => void): void;
  stop(): void;
  emit(event: TransportEvent): void;
}

/** Hands events on one at a time, in order: what is emitted while the listener runs comes when it is done. */
export function createEmitter(): Emitter {
  const queue: TransportEvent[] = [];
  let listener: ((event: TransportEvent) => void) | undefined;
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
      if (listener === undefined) return;
      queue.push(event);
      if (running) return;
      running = true;
      try {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) listener?.(next);
      } finally {
        running = false;
      }
    },
  };
}
