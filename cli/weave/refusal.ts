import { describe, type Problem, type Result } from '../../src/core/errors.ts';
import { type Context, placeSettings } from '../context.ts';
import { dockerAt } from '../docker.ts';

/** How a command of Weave's ends that could not do what it should: what its users' scripts look for. */
export interface Refusal {
  /** On standard error; empty: nothing. */
  readonly text: string;
  readonly status: number;
}

/** What ends a command of Weave's: a problem, or a sentence and a status of Weave's own. */
export type Outcome = Result<void> | { readonly ok: false; readonly refusal: Refusal };

export const refused = (text: string, status = 1): Outcome => ({ ok: false, refusal: { text, status } });

/** curl(1)'s, for "could not connect": Weave's script hands it on. */
const UNREACHABLE = 7;
/** What Weave does where no router answers, for the commands that do something else than that. */
const WITHOUT_ROUTER: Readonly<Record<string, { readonly status: number; readonly isSilent?: boolean }>> = {
  status: { status: 1 },
  rmpeer: { status: 1 },
  config: { status: 1 },
  // `eval $(weave env)` does no harm then.
  env: { status: 0 },
  'dns-args': { status: UNREACHABLE, isSilent: true },
};

/** The refusal of `command` where `problem` came in its way. */
export async function refusalOf(context: Context, command: string, problem: Problem): Promise<Refusal> {
  if (problem.code !== 'router-not-running') return { text: sentence(context, problem), status: 1 };
  const { status, isSilent = false } = WITHOUT_ROUTER[command] ?? { status: UNREACHABLE };
  return { text: isSilent ? '' : await absence(context), status };
}

/** Why no router answers, by what its container does. */
async function absence(context: Context): Promise<string> {
  const { container } = context.profile;
  const settings = placeSettings(context);
  const found = settings.ok
    ? await dockerAt(settings.value).run('container', 'inspect', '--format', '{{.State.Status}}', container)
    : undefined;
  if (found?.status !== 0) return `${container} container is not present. Have you launched it?`;
  return found.stdout.trim() === 'restarting'
    ? `${container} container is restarting.`
    : `${container} container is not running.`;
}

/** Weave's own words where its users' scripts may look for them; else ours, about this command. */
function sentence({ profile }: Context, problem: Problem): string {
  switch (problem.code) {
    case 'container-host-network':
      return `Container is running in the host network namespace, and therefore cannot be connected to ${profile.command} - perhaps the container was started with --net=host`;
    case 'ipam-off':
      return "IP address allocation must be enabled to use 'net:'";
    case 'address-taken':
      return `address ${problem.value} is already owned by ${problem.holder}`;
    case 'address-elsewhere':
      return `address ${problem.value} is owned by other peer ${problem.host}`;
    case 'subnet-bits':
      return `invalid subnet - bits after network prefix are not all zero: ${problem.value}`;
    case 'subnet-small':
      return `invalid subnet - smaller than minimum size 4: ${problem.value}`;
    case 'subnet-outside':
      return `range ${problem.value} out of bounds: ${problem.range}`;
    case 'nothing-to-restore':
      return `Nothing to restore. This is most likely because there was no preceding invocation of 'eval $(${profile.command} env)' in this shell.`;
    default:
      return describe(problem).replaceAll('"mesh ', `"${profile.command} `);
  }
}
