import type { Command } from 'commander';
import type { Result } from '../src/core/errors.ts';
import type { Context } from './context.ts';
import type { NetworkFlags } from './network.ts';

type Perform = (command: Command, verb: (context: Context) => Promise<Result<void>>) => Promise<void>;

/** `mesh network ...`: networks that are there on every host. */
export function addNetworkVerbs(program: Command, perform: Perform): void {
  const network = program
    .command('network')
    .description('networks that containers join; each is there on every host');
  network
    .command('create')
    .description('make a network on all hosts')
    .argument('<name>', 'letters, digits, ".", "_" and "-"')
    .option(
      '--subnet <cidr...>',
      'like 10.40.0.0/16, of the addresses that the mesh gives out; one that is free',
    )
    .option('--ip-range <cidr>', 'part of the first subnet that addresses are taken from')
    .option('--gateway <address>', "one of the subnet that is no container's but something else's")
    .option('--aux-address <pair...>', 'NAME=ADDRESS of others that are')
    .option('--mtu <bytes>', 'at most; what the paths allow if that is less')
    .option('--internal', 'its containers reach nothing outside')
    .option('--encrypted', 'its frames leave hosts encrypted, or not at all; a password has all networks so')
    .option('--label <pair...>', 'KEY=VALUE')
    .action((name: string, flags: NetworkFlags, command) =>
      perform(command, async c => (await import('./network.ts')).createNetwork(c, name, flags)),
    );
  network
    .command('ls')
    .description('all of them: subnets, VNI, MTU, how many are on it')
    .action((_, command) => perform(command, async c => (await import('./network.ts')).listNetworks(c)));
  network
    .command('inspect')
    .description('what a network is like, and who is on it on all hosts')
    .argument('<name>')
    .action((name: string, _, command) =>
      perform(command, async c => (await import('./network.ts')).inspectNetwork(c, name)),
    );
  network
    .command('rm')
    .description('remove networks from all hosts; refused while anything is on one')
    .argument('<name...>')
    .action((names: string[], _, command) =>
      perform(command, async c => (await import('./network.ts')).removeNetworks(c, names)),
    );
}
