import type { Command } from 'commander';
import { OPTIONS } from '../src/api/control/options.ts';

/** The flags that are settings, as `parseSettings` takes them; `flags` as the command line parser gives them. */
export function settingsFlags(flags: Readonly<Record<string, boolean | string | undefined>>): string[] {
  return Object.values(OPTIONS).flatMap(({ flag, value }) => {
    const name = flag.replace(/^no-/, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const given = flags[name];
    if (value === undefined) return given === !flag.startsWith('no-') ? [`--${flag}`] : [];
    return typeof given === 'string' ? [`--${flag}=${given}`] : [];
  });
}

/** Offers every setting but those that all verbs take. */
export function addSettings(command: Command, program: Command): void {
  for (const { flag, help, repeats, short, value } of Object.values(OPTIONS)) {
    if (program.options.some(known => known.long === `--${flag}`)) continue;
    const flags = `${short === undefined ? '' : `-${short}, `}--${flag}${value === undefined ? '' : ` <${value}>`}`;
    if (repeats) command.option(flags, help, joinWords);
    else command.option(flags, help);
  }
}

const joinWords = (word: string, before?: string): string =>
  before === undefined ? word : `${before},${word}`;
