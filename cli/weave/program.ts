import { Command, CommanderError } from 'commander';
import type { CommonFlags, Context } from '../context.ts';
import { createContext } from '../context.ts';
import type { AttachFlags } from './attach.ts';
import { addLaunchFlags, type LaunchFlags } from './launch-flags.ts';
import { type Outcome, refusalOf, refused } from './refusal.ts';

type Verb = (context: Context) => Promise<Outcome> | Outcome;

const USAGE_STATUS = 1;
/** Weave 2.0 has ended these. */
const REMOVED =
  'run start restart launch-plugin stop-plugin launch-proxy stop-proxy launch-router stop-router';
const ADDRESSES = '[ip:]CIDR, net:CIDR or net:default; net:default where none is given';

/** `argv`: what stands behind the command's name. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  // As Weave had it for hosts that it ran on: here it always does.
  const words = argv[0] === '--local' ? argv.slice(1) : argv;
  const program = createProgram();
  const known = program.commands.map(command => command.name());
  const [verb = 'help'] = words;
  if (!verb.startsWith('-') && verb !== 'help' && !known.includes(verb)) {
    process.stderr.write(`Unknown weave command '${verb}'\n${program.helpInformation()}`);
    process.exitCode = USAGE_STATUS;
    return;
  }
  try {
    await program.parseAsync(words.length === 0 ? ['help'] : words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_STATUS;
  }
}

async function perform(command: Command, verb: Verb): Promise<void> {
  const context = createContext(command.optsWithGlobals<CommonFlags>(), process.env);
  if (!context.ok) throw new CommanderError(USAGE_STATUS, 'weave.environment', context.problem.code);
  const outcome = await verb(context.value);
  if (outcome.ok) return;
  const { text, status } =
    'refusal' in outcome ? outcome.refusal : await refusalOf(context.value, command.name(), outcome.problem);
  if (text !== '') process.stderr.write(`${text}\n`);
  process.exitCode = status;
}

function createProgram(): Command {
  const program = new Command('weave')
    .description('Joins Docker hosts into one network: the commands of Weave Net 2, answered by mesh.')
    .usage('[--local] <command> ...')
    .configureOutput({ writeOut: text => void process.stderr.write(text) })
    .helpOption('--help', 'say this')
    .exitOverride()
    .showHelpAfterError();
  addRouter(program);
  addContainers(program);
  addNames(program);
  addDocker(program);
  addQuestions(program);
  addRemoved(program);
  for (const command of program.commands) command.helpOption('--help', 'say this');
  return program;
}

function addRouter(program: Command): void {
  program
    .command('setup')
    .description('make the image of the router')
    .action((_, command) => perform(command, async c => (await import('./setup.ts')).setup(c)));
  const launch = program
    .command('launch')
    .description('start the router; prints the id of its container')
    .argument('[peer...]', 'HOST[:PORT]');
  addLaunchFlags(launch, program);
  launch.action((peers: string[], flags: LaunchFlags, command) =>
    perform(command, async c => (await import('./launch.ts')).launch(c, peers, flags)),
  );
  program
    .command('prime')
    .description('wait until addresses can be given out')
    .action((_, command) => perform(command, async c => (await import('../prime.ts')).prime(c)));
  program
    .command('connect')
    .description('dial peers')
    .option('--replace', 'and no others')
    .argument('<peer...>', 'HOST[:PORT]')
    .action((peers: string[], flags: { replace?: boolean }, command) =>
      perform(command, async c => (await import('../connect.ts')).connect(c, peers, flags.replace ?? false)),
    );
  program
    .command('forget')
    .description('dial them no more')
    .argument('<peer...>', 'HOST[:PORT]')
    .action((peers: string[], _, command) =>
      perform(command, async c => (await import('../connect.ts')).forget(c, peers)),
    );
  program
    .command('rmpeer')
    .description('what peers hold that are gone for good goes to others')
    .argument('<peer...>', 'peer names or nicknames')
    .action((peers: string[], _, command) =>
      perform(command, async c => (await import('./peers.ts')).removePeers(c, peers)),
    );
  program
    .command('stop')
    .description('end the router; containers stay connected')
    .action((_, command) => perform(command, async c => (await import('./end.ts')).stop(c)));
  program
    .command('reset')
    .description('end it, and remove everything that it made on this host')
    .option('--force', 'also where it does not run, and so tells nobody')
    .action((flags: { force?: boolean }, command) =>
      perform(command, async c => (await import('./end.ts')).reset(c, flags.force ?? false)),
    );
}

function addContainers(program: Command): void {
  program
    .command('attach')
    .description('give a container addresses, and print them')
    .usage('[ADDRESS...] [options] CONTAINER')
    .argument('<words...>', ADDRESSES)
    .option('--without-dns', 'give it no name')
    .option('--rewrite-hosts', 'write them into its /etc/hosts')
    .option<string[]>('--add-host <name:address>', 'and this', (one, all) => [...all, one], [])
    .option('--no-multicast-route', 'give it no route for multicast')
    .action((words: string[], flags: AttachFlags, command) =>
      perform(command, async c => (await import('./attach.ts')).attach(c, words, flags)),
    );
  program
    .command('detach')
    .description('take addresses away from a container, and print them')
    .usage('[ADDRESS...] CONTAINER')
    .argument('<words...>', ADDRESSES)
    .action((words: string[], _, command) =>
      perform(command, async c => (await import('./attach.ts')).detach(c, words)),
    );
  program
    .command('expose')
    .description('give this host addresses, and print them')
    .argument('[address...]', ADDRESSES)
    .option<string[]>('-h <fqdn>', 'a name for them', (one, all) => [...all, one], [])
    .option('--without-masquerade', 'translate nothing between these subnets and elsewhere')
    .action((words: string[], flags: { h: string[]; withoutMasquerade?: boolean }, command) =>
      perform(command, async c =>
        (await import('./attach.ts')).expose(c, words, {
          name: flags.h,
          masquerade: flags.withoutMasquerade !== true,
        }),
      ),
    );
  program
    .command('hide')
    .description('take addresses away from this host, and print them')
    .argument('[address...]', ADDRESSES)
    .action((words: string[], _, command) =>
      perform(command, async c => (await import('./attach.ts')).hide(c, words)),
    );
  program
    .command('ps')
    .description('what is attached here: container, MAC, addresses')
    .argument('[container...]', 'only these')
    .action((names: string[], _, command) =>
      perform(command, async c => (await import('./questions.ts')).ps(c, names)),
    );
}

function addNames(program: Command): void {
  for (const verb of ['dns-add', 'dns-remove'] as const) {
    program
      .command(verb)
      .description(verb === 'dns-add' ? 'give a container, or addresses, a name' : 'take it away')
      .usage('[ADDRESS...] CONTAINER [-h FQDN] | ADDRESS... -h FQDN')
      .argument('<words...>', 'addresses and a container')
      .option<string[]>('-h <fqdn>', 'the name', (one, all) => [...all, one], [])
      .action((words: string[], flags: { h: string[] }, command: Command) =>
        perform(command, async c =>
          (await import('./names.ts')).changeNames(c, verb, words, flags.h, command.helpInformation()),
        ),
      );
  }
  program
    .command('dns-lookup')
    .description('the addresses of a name')
    .argument('<name>')
    .action((name: string, _, command) =>
      perform(command, async c => (await import('../names.ts')).lookUp(c, name)),
    );
  program
    .command('dns-args')
    .description('what "docker run" takes for a container that asks this host for names')
    // Of a container whose host name they are to go with; the answer is the same.
    .allowUnknownOption()
    .allowExcessArguments()
    .action((_, command) => perform(command, async c => (await import('./questions.ts')).dnsArguments(c)));
}

function addDocker(program: Command): void {
  program
    .command('env')
    .description('for "docker" to ask the proxy: eval $(weave env)')
    .option('--restore', 'what takes that back')
    .action(({ restore }: { restore?: boolean }, command) =>
      perform(command, async c => {
        const { restoreEnvironment, showEnvironment } = await import('./environment.ts');
        return restore ? restoreEnvironment(c) : showEnvironment(c);
      }),
    );
  program
    .command('config')
    .description('the same for one command: docker $(weave config) ps')
    .action((_, command) => perform(command, async c => (await import('./environment.ts')).showConfig(c)));
  program
    .command('docker-bridge-ip')
    .description("the address of Docker's own bridge")
    .action((_, command) =>
      perform(command, async c => (await import('./questions.ts')).dockerBridgeAddress(c)),
    );
}

function addQuestions(program: Command): void {
  program
    .command('status')
    .description('what the router knows')
    .argument('[view]', 'targets, connections, peers, dns or ipam')
    .action((view: string | undefined, _, command: Command) =>
      perform(command, async c =>
        (await import('./questions.ts')).status(c, view, command.helpInformation()),
      ),
    );
  program
    .command('report')
    .description('all of that as JSON')
    .option('-f, --format <template>', 'as a Go template has it')
    .action((flags: { format?: string }, command) =>
      perform(command, async c => (await import('./questions.ts')).report(c, flags.format)),
    );
  program
    .command('version')
    .description('of this command, and of the router')
    .action((_, command) => perform(command, async c => (await import('./questions.ts')).showVersion(c)));
}

/** What is answered as Weave did that had it no more, and what is not to be had here. */
function addRemoved(program: Command): void {
  const hidden = (name: string, sentence: string): void => {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action((_, command) => perform(command, () => refused(sentence)));
  };
  for (const name of REMOVED.split(' '))
    hidden(
      name,
      `The 'weave ${name}' command has been removed as of Weave Net version 2.0\nPlease see release notes for further information`,
    );
  hidden('setup-cni', 'There is no CNI plugin: hosts of Kubernetes are not provided for.');
}
