/**
 * How node runs the router, so that it stays small: for what one has to do at a time, much room for young objects and
 * a part of the heap for each thread only lie about. Measured with 5 peers, idle: 107 MB without, 95 MB with both.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=1'];
export const NODE_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' };
