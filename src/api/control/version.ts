import { readFileSync } from 'node:fs';

/** Put in by the bundler; absent where the sources run as they are. */
declare const MESH_VERSION: string | undefined;

/** The version of this code. */
export function version(): string {
  if (typeof MESH_VERSION === 'string') return MESH_VERSION;
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
