import type { ComponentLogger, Logger } from '@libp2p/interface';

const nothing = (): void => {};

const logger: Logger = Object.assign(nothing, {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: () => logger,
});

/** libp2p's own logging, switched off: by default it makes a logger for every connection and stream. */
export const quiet: ComponentLogger = { forComponent: () => logger };
