/** The program of the DNS server's thread: beside the router's bundle, or beside this file where the sources run. */
export function dnsThread(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./dns-thread.${extension}`, import.meta.url);
}
