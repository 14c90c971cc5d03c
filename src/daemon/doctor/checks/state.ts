import { describe } from '../../../core/errors.ts';
import type { Check, DoctorContext, Found } from '../check.ts';

const MIB = 1024 * 1024;
/** A router writes a megabyte ahead, and a snapshot beside the one that it replaces. */
const LEAST_BYTES = 4 * MIB;
const FEW_BYTES = 64 * MIB;
const LEAST_FILES = 16;

/** Whether what a router has to keep finds room, and who uses it. */
export const state: Check = {
  name: 'state',
  async run({ machine, router, settings }: DoctorContext) {
    const { stateDir } = settings;
    const space = await machine.space(stateDir);
    // A container sees of the host's files only what is mounted into it.
    if (machine.contained && !space.exists) return [];
    const found: Found[] = [];
    const { freeBytes, freeFiles, unwritable } = space;
    const free = `${Math.floor(freeBytes / MIB)} MiB`;
    if (unwritable !== undefined && machine.capable) {
      found.push({
        level: 'problem',
        what: describe(unwritable),
        cure: 'or choose another with --state-dir',
      });
    } else if (freeBytes < LEAST_BYTES || freeFiles < LEAST_FILES) {
      const lack = freeBytes < LEAST_BYTES ? `space (${free})` : `inodes (${freeFiles})`;
      const what = `${stateDir} has not enough free ${lack} for what a router has to keep`;
      found.push({
        level: 'problem',
        what,
        cure: 'free some; a router that runs goes on for a while, then attaches no more addresses',
      });
    } else if (freeBytes < FEW_BYTES) {
      found.push({ level: 'note', what: `${stateDir} has only ${free} left`, cure: 'free some' });
    } else found.push({ level: 'ok', what: `${stateDir} can be written, ${free} are free` });
    const holder = router === undefined ? await machine.stateHolder() : undefined;
    if (holder === undefined) return found;
    const what = `${stateDir} is in use by a router (process ${holder}) that doesn't answer on ${settings.runDir}`;
    return [
      ...found,
      { level: 'problem', what, cure: 'give its --run-dir, end it, or choose another --state-dir' },
    ];
  },
};
