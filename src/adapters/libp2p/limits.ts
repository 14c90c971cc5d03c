/** Bytes of one message to a neighbour and of one broadcast (ports/transport.ts). */
export const MAX_MESSAGE = 4 * 1024 * 1024;
export const MAX_BROADCAST = 64 * 1024;
