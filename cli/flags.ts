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
