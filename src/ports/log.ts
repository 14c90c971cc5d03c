/** Where the router says what it does. One subsystem a child; data beside the sentence, never inside it. */
export interface Log {
  debug(message: string, data?: object): void;
  info(message: string, data?: object): void;
  warn(message: string, data?: object): void;
  error(message: string, data?: object): void;
  child(subsystem: string): Log;
}
