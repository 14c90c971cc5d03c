/**
 * Heads of HTTP/1 messages. What an engine might read otherwise than this proxy is refused, never guessed: else a request
 * could pass unseen inside of another's body.
 */

/** How the end of a body is found. `close`: it ends with the connection. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly headers: readonly Header[];
  readonly framing: Framing;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly framing: Framing;
}

/** Why a head is refused, for a person, and with which status. */
export interface Refusal {
  readonly status: number;
  readonly why: string;
}

export type Parsed<Head> = { readonly head: Head } | { readonly refusal: Refusal };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What may stand in a value: no control characters but the tab. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Sixteen digits and more would not be exact any more. */
const LENGTH = /^\d{1,15}$/;

const refuse = (status: number, why: string): { readonly refusal: Refusal } => ({
  refusal: { status, why },
});

/** `bytes` up to and with the empty line. */
export function parseRequestHead(bytes: Buffer): Parsed<RequestHead> {
  const [first = '', ...lines] = linesOf(bytes);
  const [, method = '', target = '', major, minor] =
    /^([^ ]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/.exec(first) ?? [];
  if (!TOKEN.test(method)) return refuse(400, 'the request line is not one of HTTP');
  if (major !== '1' || (minor !== '0' && minor !== '1'))
    return refuse(505, 'only HTTP/1.0 and HTTP/1.1 are spoken here');
  const headers = headersOf(lines);
  if (headers === undefined) return refuse(400, 'a header is not one of HTTP');
  const framing = requestFraming(headers, minor);
  if ('refusal' in framing) return framing;
  return { head: { method, target, version: `1.${minor}`, headers, framing: framing.framing } };
}

/** Of the answer to a request with `method`. */
export function parseResponseHead(bytes: Buffer, method: string): Parsed<ResponseHead> {
  const [first = '', ...lines] = linesOf(bytes);
  const status = Number(/^HTTP\/1\.[01] (\d{3})( |$)/.exec(first)?.[1]);
  const headers = headersOf(lines);
  if (Number.isNaN(status) || headers === undefined) return refuse(502, 'the engine did not answer in HTTP');
  return { head: { status, headers, framing: responseFraming(status, headers, method) } };
}

export function valuesOf(headers: readonly Header[], name: string): readonly string[] {
  return headers.filter(header => header.name.toLowerCase() === name).map(({ value }) => value);
}

/** Whether a list like that of `Connection` has the word. */
export function hasWord(headers: readonly Header[], name: string, word: string): boolean {
  return valuesOf(headers, name).some(value =>
    value.split(',').some(part => part.trim().toLowerCase() === word),
  );
}

function linesOf(bytes: Buffer): readonly string[] {
  return bytes.subarray(0, -4).toString('latin1').split('\r\n');
}

function headersOf(lines: readonly string[]): readonly Header[] | undefined {
  const headers: Header[] = [];
  for (const line of lines) {
    // A line that begins with a blank would go on with the one before it.
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1);
    if (colon < 1 || !TOKEN.test(name) || !VALUE.test(value)) return undefined;
    headers.push({ name, value: value.replace(/^[ \t]+|[ \t]+$/g, '') });
  }
  return headers;
}

function requestFraming(
  headers: readonly Header[],
  minor: string,
): { readonly framing: Framing } | { readonly refusal: Refusal } {
  const codings = valuesOf(headers, 'transfer-encoding');
  const lengths = valuesOf(headers, 'content-length');
  if (codings.length > 0 && lengths.length > 0)
    return refuse(400, 'a request has a Content-Length or a Transfer-Encoding, not both');
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked')
      return refuse(501, 'the only Transfer-Encoding that is taken is "chunked"');
    return minor === '0'
      ? refuse(400, 'HTTP/1.0 has no Transfer-Encoding')
      : { framing: { kind: 'chunked' } };
  }
  if (lengths.length === 0) return { framing: { kind: 'none' } };
  if (lengths.length > 1 || !LENGTH.test(lengths[0] ?? ''))
    return refuse(400, 'a request has one Content-Length, which is a number');
  return { framing: lengthOf(lengths[0]) };
}

function responseFraming(status: number, headers: readonly Header[], method: string): Framing {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' };
  if (hasWord(headers, 'transfer-encoding', 'chunked')) return { kind: 'chunked' };
  const [length, ...others] = valuesOf(headers, 'content-length');
  return length !== undefined && LENGTH.test(length) && others.length === 0
    ? lengthOf(length)
    : { kind: 'close' };
}

function lengthOf(text: string | undefined): Framing {
  const length = Number(text);
  return length === 0 ? { kind: 'none' } : { kind: 'length', length };
}
