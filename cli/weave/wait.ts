import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WAIT_MOUNT, WAIT_PROGRAM } from '../../src/api/proxy/wait.ts';
import { type Result, refuse } from '../../src/core/errors.ts';
import { runCommand } from '../command.ts';
import type { Context } from '../context.ts';
import { withFile } from '../files.ts';
import { ensureProgram } from '../packages.ts';

const SHELL = 'busybox';
/** Of an ELF file: 64 bit, the offset of its program headers, their size and number (elf(5)); and that it wants a linker. */
const HEADERS = { offset: 32, size: 54, count: 56 };
const WANTS_LINKER = 3;

/**
 * What a container runs before its own program, with nothing of its image: waits until `device` is up, and becomes the program.
 * It looks that up itself, since the shell would take its own for many.
 */
const script = (device: string): string => `#!${WAIT_MOUNT}/${SHELL} sh
trap 'exit 143' TERM
until [ "$(${WAIT_MOUNT}/${SHELL} cat /sys/class/net/${device}/carrier 2>/dev/null)" = 1 ]; do ${WAIT_MOUNT}/${SHELL} usleep 5000; done
trap - TERM
unset OLDPWD SHLVL
found=
case $1 in
*/*) found=$1 ;;
*)
  IFS=:
  for folder in $PATH; do
    if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then
      found=$folder/$1
      break
    fi
  done
  unset IFS
  ;;
esac
if [ -z "$found" ]; then
  echo "exec: \\"$1\\": executable file not found in \\$PATH" >&2
  exit 127
fi
name=$1
shift
exec -a "$name" "$found" "$@"
`;

/** Has on this host what the proxy mounts into containers. It stays when the router is removed: containers start with it. */
export async function ensureWaitProgram(context: Context, folder: string): Promise<Result<void>> {
  const there = await ensureProgram(context, SHELL, 'busybox-static');
  if (!there.ok) return there;
  const { stdout } = await runCommand('sh', ['-c', `readlink -f "$(command -v ${SHELL})"`]);
  const program = stdout.trim();
  if (!isStatic(readFileSync(program))) {
    const why = `${program} needs libraries, which containers may not have; install one without (Debian: apt-get install busybox-static)`;
    return refuse({ code: 'launch-failed', why });
  }
  return withFile(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    put(join(folder, SHELL), path => copyFileSync(program, path));
    put(join(folder, basename(WAIT_PROGRAM)), path =>
      writeFileSync(path, script(context.profile.device), { mode: 0o755 }),
    );
  });
}

/** In one step: a container may be about to run what is there. */
function put(path: string, write: (path: string) => void): void {
  write(`${path}.new`);
  renameSync(`${path}.new`, path);
}

function isStatic(elf: Buffer): boolean {
  const first = Number(elf.readBigUInt64LE(HEADERS.offset));
  const [size, count] = [elf.readUInt16LE(HEADERS.size), elf.readUInt16LE(HEADERS.count)];
  return !Array.from({ length: count }, (_, index) => elf.readUInt32LE(first + index * size)).includes(
    WANTS_LINKER,
  );
}
