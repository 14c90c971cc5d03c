import { parseIpv4 } from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';

const LABEL = /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/;
const DIGITS_AND_DOTS = /^[\d.]+$/;

/** A TCP or UDP port, 1 to 65535. Refuses with `bad-port`. */
export function parsePort(text: string): Result<number> {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65535
    ? ok(port)
    : refuse({ code: 'bad-port', value: text });
}

function isHost(text: string): boolean {
  if (DIGITS_AND_DOTS.test(text)) return parseIpv4(text) !== undefined;
  return text.length <= 253 && text.split('.').every(label => LABEL.test(label));
}

/** Brings `HOST` or `HOST:PORT` to `HOST:PORT`. Refuses with `bad-peer`, `bad-port`. */
export function parsePeer(text: string, defaultPort: number): Result<string> {
  const colon = text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  const digits = colon < 0 ? `${defaultPort}` : text.slice(colon + 1);
  if (!isHost(host) || !/^\d+$/.test(digits)) return refuse({ code: 'bad-peer', value: text });
  const port = parsePort(digits);
  return port.ok ? ok(`${host.toLowerCase()}:${port.value}`) : port;
}

/** `parsePeer` for each, in their order and each once; the first that is refused decides. */
export function parsePeers(texts: readonly string[], defaultPort: number): Result<string[]> {
  const peers = new Set<string>();
  for (const text of texts) {
    const peer = parsePeer(text, defaultPort);
    if (!peer.ok) return peer;
    peers.add(peer.value);
  }
  return ok([...peers]);
}
