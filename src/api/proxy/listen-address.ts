/** Where the proxy is asked, as in DOCKER_HOST. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** Undefined for what is neither `unix:///PATH` nor `tcp://ADDRESS:PORT`. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const path = /^unix:\/\/(\/[^\0:,]{1,100})$/.exec(text)?.[1] ?? /^(\/[^\0:,]{1,100})$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'unix', path };
  const [, host, port] = /^tcp:\/\/(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/.exec(text) ?? [];
  const number = Number(port);
  return host !== undefined && number > 0 && number < 65_536
    ? { kind: 'tcp', host, port: number }
    : undefined;
}

export function formatListenAddress(address: ListenAddress): string {
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`;
}
