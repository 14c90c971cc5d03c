/** What `build.ts` makes in `dist/`, in the order in which it is put in place: build.json says that all others are there. */
export const ARTEFACTS: readonly string[] = [
  'node_modules',
  'package.json',
  'cli.cjs',
  'router.js',
  'dns-thread.js',
  'sleeve-thread.js',
  'cache',
  'daemon.js',
  'build.json',
];
