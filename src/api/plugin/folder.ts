/** Where an engine looks for drivers: a socket named after each. */
export const PLUGIN_FOLDER = '/run/docker/plugins';

export const pluginSocket = (driver: string): string => `${PLUGIN_FOLDER}/${driver}.sock`;
