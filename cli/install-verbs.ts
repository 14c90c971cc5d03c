import type { Command } from 'commander';
import type { Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';
import { addSettings } from './flags.ts';
import type { InstallFlags } from './install.ts';

type Perform = (command: Command, verb: (context: Context) => Promise<Result<void>>) => Promise<void>;

/** What stays on a host: the command, and a router that comes with every boot. */
export function addInstallVerbs(program: Command, perform: Perform): void {
  const root = ['--root <directory>', 'another file system than that of this host'] as const;
  const install = program
    .command('install')
    .description('put "mesh" on the PATH, and have systemd start a native router before Docker at every boot')
    .argument('[peer...]', 'HOST or HOST:PORT of routers to join')
    .option(...root);
  addSettings(install, program);
  install.action((peers: string[], flags: InstallFlags, command) =>
    perform(command, async c => {
      const verbs = program.commands.map(known => known.name());
      return (await import('./install.ts')).install(c, peers, verbs, flags);
    }),
  );
  program
    .command('uninstall')
    .description('take that away')
    .option(...root)
    .action((flags: InstallFlags, command) =>
      perform(command, async c => (await import('./install.ts')).uninstall(c, flags)),
    );
}
