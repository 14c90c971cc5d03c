import type { Heard } from './client.ts';

/** A place in what was heard, and what each side has there. */
export interface Difference {
  /** Which conversation. */
  readonly title: string;
  /** Where in it: a line of its head, or a field of its body. */
  readonly place: string;
  readonly one: string | undefined;
  readonly other: string | undefined;
}

/** Where two recordings of the same conversations differ, but for what no two of them have alike: ids, times, addresses. */
export function compare(one: readonly Heard[], other: readonly Heard[]): readonly Difference[] {
  const all: Difference[] = [];
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const [a, b] = [placesOf(one[index]), placesOf(other[index])];
    const title = one[index]?.title ?? other[index]?.title ?? '';
    for (const place of new Set([...a.keys(), ...b.keys()]))
      if (a.get(place) !== b.get(place)) all.push({ title, place, one: a.get(place), other: b.get(place) });
  }
  return all;
}

/** On one line, for a person. */
export const lineOf = ({ one, other, place, title }: Difference): string =>
  `${title}, ${place}: ${one} | ${other}`;

function placesOf(heard: Heard | undefined): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  if (heard === undefined) return places;
  const { body, head, title } = heard;
  places.set('title', title);
  for (const [index, line] of head.entries()) places.set(`head ${index}`, masked(line));
  for (const [place, text] of bodyOf(title, body))
    if (!isVolatile(title, place)) places.set(place, masked(text));
  return places;
}

/** Its fields where it is JSON, one document or many; else its lines. */
function bodyOf(title: string, body: string): readonly (readonly [string, string])[] {
  // How files lie in an archive, and when they were made there, is another matter each time.
  if (/\/(export|get)$/.test(title)) return [['archive', body === '' ? 'empty' : 'bytes']];
  try {
    return fields('', JSON.parse(body));
  } catch {
    return body.split('\n').map((line, index) => [`line ${index}`, line] as const);
  }
}

function fields(place: string, value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[place, JSON.stringify(value)]];
  const inner = Object.entries(value);
  if (inner.length === 0) return [[place, Array.isArray(value) ? '[]' : '{}']];
  return inner.flatMap(([key, each]) => fields(place === '' ? key : `${place}.${key}`, each));
}

/** What tells how busy an engine is, how old something is, or how large: `title`, then place. */
const VOLATILE: readonly (readonly [RegExp, RegExp])[] = [
  [/\/info$/, /^(NFd|NGoroutines|NEventsListener|SystemTime|MemTotal|ID)$/],
  [/\/stats/, /./],
  [/\/json/, /(^|\.)(Pid|SizeRw|SizeRootFs|HostPort)$/],
  [/\/top$/, /^Processes\./],
  [/\/system\/df$/, /Size|^LayersSize$|^BuildCache/],
  [/^exec: .*inspect/, /^Pid$/],
  [/\/images\/(json|busybox)/, /Size|Containers/],
];

const isVolatile = (title: string, place: string): boolean =>
  VOLATILE.some(([about, where]) => about.test(title) && where.test(place));

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/^(Date|Content-Length): .*$/, '$1'],
  [/\b(Date|Content-Length): [^\r\n]*/g, '$1'],
  [/\b[0-9a-f]{64}\b/g, '<id>'],
  [/\b[0-9a-f]{12}\b/g, '<id>'],
  [/(?!0001)\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '<time>'],
  [/"time(Nano)?":\d+/g, '<time>'],
  [/^1[789]\d{8}$/, '<time>'],
  [/(Less than a second|About a minute|\d+ (second|minute)s?)( ago)?/g, '<age>'],
  [/\b\d{1,3}(\.\d{1,3}){3}\b/g, '<address>'],
  [/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, '<mac>'],
];

function masked(text: string): string {
  return MASKS.reduce((shown, [pattern, mask]) => shown.replace(pattern, mask), text);
}

/** What a proxy may change: host name, DNS, the endpoint on the mesh with its fields, lines of /etc/hosts. */
const ALLOWED: Readonly<Record<string, (difference: Difference) => boolean>> = {
  'host name': ({ title, place }) =>
    /(^|\.)Config\.(Hostname|Domainname)$/.test(place) || title === 'exec: host name',
  DNS: ({ title, place }) =>
    /^HostConfig\.(Dns|DnsSearch)(\.\d+)?$/.test(place) || title === 'exec: resolver',
  endpoint: ({ place }) => /(^|\.)NetworkSettings\.Networks\.mesh\./.test(place),
  '/etc/hosts': ({ title }) => title === 'exec: hosts',
};

/** Which kind of change a difference is; undefined: one that no proxy may make. */
export function kindOf(difference: Difference): string | undefined {
  return Object.keys(ALLOWED).find(kind => ALLOWED[kind]!(difference));
}

export const KINDS = Object.keys(ALLOWED);
