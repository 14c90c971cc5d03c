import { ok, type Result, refuse } from '../src/core/errors.ts';
import { runCommand } from './command.ts';
import type { Context } from './context.ts';

const UPDATE_AND_INSTALL =
  'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$0"';

/** Has `program` on this host; where it is missing, Debian's package of it is installed, visibly. Needs root. */
export async function ensureProgram(
  context: Context,
  program: string,
  debian: string,
): Promise<Result<void>> {
  const have = async (name: string) => (await runCommand('sh', ['-c', 'command -v "$0"', name])).status === 0;
  if (await have(program)) return ok(undefined);
  const missing = refuse({ code: 'program-missing', program, package: debian });
  if (!(await have('apt-get'))) return missing;
  context.say(`apt-get install ${debian}`);
  const { status } = await runCommand('sh', ['-c', UPDATE_AND_INSTALL, debian], { show: true });
  return status === 0 && (await have(program)) ? ok(undefined) : missing;
}
