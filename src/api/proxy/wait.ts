import { one, part, read } from './fields.ts';
import type { Fields } from './json.ts';
import type { Attaching } from './rules.ts';

/** Where what waits is mounted in a container, and what of it stands in front of the container's own program. */
export const WAIT_MOUNT = '/w';
export const WAIT_PROGRAM = `${WAIT_MOUNT}/w`;

/** What the engine would run. */
interface Program {
  readonly entrypoint: readonly unknown[];
  readonly command: readonly unknown[];
}

/**
 * A request to create a container (`POST /containers/create`), changed so that it waits for the network before its own program;
 * as it is where there is no program, which the engine refuses with its own words. `image`: the settings of its image;
 * undefined where there is none yet.
 */
export function withWait(fields: Fields, image: Fields | undefined, { folder }: Attaching): Fields {
  const host = part(fields, 'HostConfig');
  const program = host && programOf(fields, image);
  if (host === undefined || program === undefined) return fields;
  const binds = listOf(read(host, 'Binds')).filter(bind => String(bind).split(':')[1] !== WAIT_MOUNT);
  const isPrefixed = program.entrypoint[0] === WAIT_PROGRAM;
  return {
    ...fields,
    [one(fields, 'Entrypoint')]: isPrefixed ? program.entrypoint : [WAIT_PROGRAM, ...program.entrypoint],
    [one(fields, 'Cmd')]: program.command,
    [one(fields, 'HostConfig')]: { ...host, [one(host, 'Binds')]: [...binds, `${folder}:${WAIT_MOUNT}:ro`] },
  };
}

/** As the engine puts the two together: who says an entrypoint has nothing of the image's command. */
function programOf(fields: Fields, image: Fields | undefined): Program | undefined {
  const given = read(fields, 'Entrypoint');
  const isGiven = given !== undefined && given !== null && listOf(given).length > 0;
  const said = listOf(read(fields, 'Cmd'));
  if (isGiven) {
    // One empty word: none, whatever the image has.
    const entrypoint = listOf(given).filter((word, index) => index > 0 || word !== '');
    return some({ entrypoint, command: said });
  }
  if (image === undefined) return undefined;
  const command = said.length > 0 ? said : listOf(read(image, 'Cmd'));
  return some({ entrypoint: listOf(read(image, 'Entrypoint')), command });
}

const some = (program: Program): Program | undefined =>
  program.entrypoint.length + program.command.length > 0 ? program : undefined;

/** A single word stands for a list of one. */
function listOf(value: unknown): readonly unknown[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value : [];
}
