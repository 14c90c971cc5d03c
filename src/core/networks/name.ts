/** What Docker takes as the name of a network, and short enough for a fact's key: so one name does everywhere. */
export const isNetworkName = (value: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(value);
