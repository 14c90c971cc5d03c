/** Ids as engines give them to containers, networks and endpoints: 64 hexadecimal digits, of which users see the first. */

const SHORT = 12;

export const isContainerId = (text: string): boolean => /^[\da-f]{64}$/.test(text);

export const shortId = (id: string): string => id.slice(0, SHORT);
