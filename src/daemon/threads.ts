/** What a thread runs: beside the router's bundle, or beside this file where the sources run. */
export function threadProgram(name: 'dns-thread' | 'sleeve-thread'): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${extension}`, import.meta.url);
}
