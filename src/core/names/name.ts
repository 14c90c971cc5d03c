import { type Result, refuse } from '../errors.ts';

/** A name within the zone: lower case, without the zone and without a dot at the end, like `web` or `db.prod`. */
export type ZoneName = string & { readonly brand: 'ZoneName' };

/** RFC 1035, 2.3.4: bytes of a label, and of a whole name as it is written. */
const LABEL_MAX = 63;
const NAME_MAX = 253;
/** As RFC 952 and 1123 have it, and the underscore that engines allow in the names of containers. */
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

/** A zone as it is compared: lower case, no dot at the end. Undefined where it can't be one. */
export function parseZone(text: string): string | undefined {
  const zone = text.toLowerCase().replace(/\.$/, '');
  return flaw(zone) === undefined ? zone : undefined;
}

/**
 * What a user calls something: one label, or a full name in the zone. Refuses with `name-malformed` and `name-outside`:
 * what other zones hold is not the mesh's to say.
 */
export function parseName(text: string, zone: string): Result<ZoneName> {
  const full = text.toLowerCase().replace(/\.$/, '');
  const why = flaw(full);
  if (why !== undefined) return refuse({ code: 'name-malformed', value: text, why });
  const within = full.endsWith(`.${zone}`) ? full.slice(0, -zone.length - 1) : full;
  if (within === full && full.includes('.')) return refuse({ code: 'name-outside', value: text, zone });
  return checked(text, within, zone);
}

/** What an engine calls a container is a name in the zone as it stands; undefined where it can't be one. */
export function nameOfContainer(text: string, zone: string): ZoneName | undefined {
  const name = text.toLowerCase();
  const within = name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : name;
  const parsed = checked(text, within, zone);
  return parsed.ok ? parsed.value : undefined;
}

/** A name as facts carry it. */
export const isZoneName = (value: unknown): value is ZoneName =>
  typeof value === 'string' && flaw(value) === undefined;

function checked(text: string, within: string, zone: string): Result<ZoneName> {
  const why = flaw(within) ?? flaw(`${within}.${zone}`);
  return why === undefined
    ? { ok: true, value: within as ZoneName }
    : refuse({ code: 'name-malformed', value: text, why });
}

function flaw(name: string): string | undefined {
  if (name.length > NAME_MAX) return `a name has at most ${NAME_MAX} characters`;
  const labels = name.split('.');
  if (labels.some(label => label === '')) return 'there is nothing between two dots, or at an end';
  if (labels.some(label => label.length > LABEL_MAX))
    return `between two dots there are at most ${LABEL_MAX} characters`;
  return labels.every(label => LABEL.test(label))
    ? undefined
    : 'it takes letters, digits, "_", and "-" between them';
}
