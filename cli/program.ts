import { Argument, Command, CommanderError } from 'commander';
import { OPTIONS } from '../src/api/control/options.ts';
import { describe, exitStatus, type Problem, type Result } from '../src/core/errors.ts';
import type { AttachFlags } from './attach.ts';
import { type CommonFlags, type Context, createContext } from './context.ts';
import { addSettings } from './flags.ts';
import { addInstallVerbs } from './install-verbs.ts';
import type { LaunchFlags } from './launch.ts';
import { addNetworkVerbs } from './network-verbs.ts';
import type { StatusView } from './status.ts';

const USAGE_STATUS = 2;
const VIEWS: readonly StatusView[] = [
  'peers',
  'connections',
  'targets',
  'endpoints',
  'ipam',
  'dns',
  'dataplane',
];

type Verb = (context: Context) => Promise<Result<void>>;

function fail(problem: Problem): void {
  process.stderr.write(`mesh: ${describe(problem)}\n`);
  process.exitCode = exitStatus(problem);
}

async function perform(command: Command, verb: Verb): Promise<void> {
  const context = createContext(command.optsWithGlobals<CommonFlags>(), process.env);
  const result = context.ok ? await verb(context.value) : context;
  if (!result.ok) fail(result.problem);
}

/** What the parser says, its guess at what was meant included, as one line like ours. */
function usageLine(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .trimEnd()
    .replace(/\.?\n/g, ' ')
    .replace(/\.$/, '');
  return `mesh: ${sentence}; see "mesh help"\n`;
}

/** The verbs. Each is loaded when it is called: what a command does not need is not paid for at its start. */
function createProgram(): Command {
  const program = new Command('mesh')
    .description('Joins Docker hosts into one network.')
    .option('--json', 'print JSON')
    .option('--run-dir <directory>', `${OPTIONS.runDir.help} (${OPTIONS.runDir.initial})`)
    .option('--state-dir <directory>', `${OPTIONS.stateDir.help} (${OPTIONS.stateDir.initial})`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
    .exitOverride();
  addLaunch(program);
  program
    .command('stop')
    .description('end the router; traffic flows on')
    .action((_, command) => perform(command, async c => (await import('./stop.ts')).stop(c)));
  program
    .command('reset')
    .description('detach all containers, end the router, and remove everything that it made')
    .action((_, command) => perform(command, async c => (await import('./reset.ts')).reset(c)));
  program
    .command('connect')
    .description('dial peers, now and whenever they are away')
    .argument('<peer...>', 'HOST or HOST:PORT')
    .option('--replace', 'forget all other targets')
    .action((peers: string[], flags: { replace?: boolean }, command) =>
      perform(command, async c => (await import('./connect.ts')).connect(c, peers, flags.replace ?? false)),
    );
  program
    .command('forget')
    .description('stop dialling peers; a connection that stands is kept')
    .argument('<peer...>', 'HOST or HOST:PORT')
    .action((peers: string[], _, command) =>
      perform(command, async c => (await import('./connect.ts')).forget(c, peers)),
    );
  program
    .command('rmpeer')
    .description('say that peers are gone for good: others get their addresses')
    .argument('<peer...>', 'peer names, nicknames or ids')
    .option('--force', 'also one whose router or host seems to live')
    .action((peers: string[], { force = false }: { force?: boolean }, command) =>
      perform(command, async c => (await import('./rmpeer.ts')).rmpeer(c, peers, force)),
    );
  addContainerVerbs(program);
  addAddressVerbs(program);
  addNameVerbs(program);
  addHostVerbs(program);
  addNetworkVerbs(program, perform);
  addProxyVerbs(program);
  addIpamVerbs(program);
  addQuestions(program);
  addInstallVerbs(program, perform);
  return program;
}

function addLaunch(program: Command): void {
  const launch = program
    .command('launch')
    .description('start the router: as container "mesh" where an engine answers, else natively')
    .argument('[peer...]', 'HOST or HOST:PORT of routers to join; any member of a mesh will do')
    .option('--native', 'start it as a process of this host')
    .option('--wait [seconds]', 'wait until connected to one of the peers (30 s)')
    .option('--password [none]', 'ask for the password that all routers share; see also MESH_PASSWORD')
    .option('--image <image>', 'image of the container')
    .option('--force', 'also where a route of this host overlaps with the addresses that the mesh gives out');
  addSettings(launch, program);
  launch.action((peers: string[], flags: LaunchFlags, command) =>
    perform(command, async c => (await import('./launch.ts')).launch(c, peers, flags)),
  );
}

function addContainerVerbs(program: Command): void {
  program
    .command('attach')
    .description('give a running container addresses on the mesh, one that is free where none is named')
    .usage('[options] [ADDRESS...] CONTAINER')
    .argument(
      '<words...>',
      'addresses like 10.0.0.11/24, net:SUBNET or net:default for one that is free there; then a name, an id, or netns:PATH',
    )
    .option('--name <name...>', 'what else it is called, beside what its engine calls it')
    .option('--network <name>', 'of "mesh network ls" (mesh)')
    .option('--without-dns', 'give it no name by itself')
    .action((words: string[], { withoutDns, ...flags }: AttachFlags & { withoutDns?: boolean }, command) =>
      perform(command, async c =>
        (await import('./attach.ts')).attach(c, words, { ...flags, ...(withoutDns ? { dns: false } : {}) }),
      ),
    );
  program
    .command('detach')
    .description('take addresses away from a container, all where none is given')
    .usage('[options] [ADDRESS...] CONTAINER')
    .argument('<words...>', 'addresses like 10.0.0.11/24, then a name, an id, or netns:PATH')
    .option('--network <name>', 'of "mesh network ls" (mesh)')
    .action((words: string[], { network }: { network?: string }, command) =>
      perform(command, async c => (await import('./attach.ts')).detach(c, words, network)),
    );
}

function addAddressVerbs(program: Command): void {
  program
    .command('ps')
    .description('what is attached on this host: container, MAC and addresses')
    .argument('[container...]', 'only these: a name, an id, or netns:PATH')
    .action((names: string[], _, command) =>
      perform(command, async c => (await import('./ps.ts')).ps(c, names)),
    );
  program
    .command('prime')
    .description('wait until this host can give out addresses')
    .action((_, command) => perform(command, async c => (await import('./prime.ts')).prime(c)));
}

function addNameVerbs(program: Command): void {
  const words = 'addresses like 10.0.0.11; then a container, unless the addresses are meant by themselves';
  for (const [verb, description, name] of [
    [
      'dns-add',
      'give names to a container that is attached here, or to addresses',
      'name; what the engine calls the container if left out',
    ],
    ['dns-remove', 'take them away', 'name; all if left out'],
  ] as const) {
    program
      .command(verb)
      .description(description)
      .usage('[options] [ADDRESS...] [CONTAINER]')
      .argument('<words...>', words)
      .helpOption('--help', 'display help for command')
      .option('-h, --name <name...>', name)
      .option('--network <name>', 'on which they are, of "mesh network ls" (mesh)')
      .action((given: string[], flags: { name?: string[]; network?: string }, command) =>
        perform(command, async c => (await import('./names.ts')).changeNames(c, verb, given, flags)),
      );
  }
  program
    .command('dns-args')
    .description('what "docker run" takes for a container that asks this host for names')
    .action((_, command) => perform(command, async c => (await import('./names.ts')).dnsArguments(c)));
  program
    .command('dns-lookup')
    .description('the addresses of a name in the zone, one a line')
    .argument('<name>', 'like web, or web.mesh.internal')
    .action((name: string, _, command) =>
      perform(command, async c => (await import('./names.ts')).lookUp(c, name)),
    );
}

function addHostVerbs(program: Command): void {
  program
    .command('expose')
    .description('give this host addresses on the mesh, one that is free where none is named')
    .argument('[address...]', 'like 10.0.0.1/24, net:SUBNET or net:default for one that is free there')
    .helpOption('--help', 'display help for command')
    .option<string[]>('-h, --name <name>', 'what it is called there', (name, names) => [...names, name], [])
    .option('--without-masquerade', 'translate no addresses between these subnets and elsewhere')
    .action((words: string[], flags: { name: string[]; withoutMasquerade?: boolean }, command) =>
      perform(command, async c =>
        (await import('./expose.ts')).expose(c, words, {
          name: flags.name,
          masquerade: flags.withoutMasquerade !== true,
        }),
      ),
    );
  program
    .command('hide')
    .description('take addresses on the mesh away from this host, all where none is given')
    .argument('[address...]', 'addresses like 10.0.0.1/24')
    .action((words: string[], _, command) =>
      perform(command, async c => (await import('./expose.ts')).hide(c, words)),
    );
}

function addProxyVerbs(program: Command): void {
  program
    .command('env')
    .description('what a shell is told for "docker" to ask the proxy: eval $(mesh env)')
    .option('--restore', 'what takes that back: eval $(mesh env --restore)')
    .action(({ restore }: { restore?: boolean }, command) =>
      perform(command, async c => {
        const { restoreEnvironment, showEnvironment } = await import('./env.ts');
        return restore ? restoreEnvironment(c) : showEnvironment(c);
      }),
    );
  program
    .command('config')
    .description('the same for one command: docker $(mesh config) ps')
    .action((_, command) => perform(command, async c => (await import('./env.ts')).showConfig(c)));
}

function addIpamVerbs(program: Command): void {
  const ipam = program.command('ipam').description('the addresses that the mesh gives out itself');
  ipam
    .command('doctor')
    .description('how the address ring stands, in words, and what to type; exit status 0 if nothing')
    .action((_, command) => perform(command, async c => (await import('./ipam.ts')).ipamDoctor(c)));
  ipam
    .command('repair')
    .description('give containers of this host new addresses for those that they lost to others')
    .option('--dry-run', 'only tell which those are')
    .action((flags: { dryRun?: boolean }, command) =>
      perform(command, async c => (await import('./ipam.ts')).ipamRepair(c, flags.dryRun ?? false)),
    );
}

function addQuestions(program: Command): void {
  program
    .command('status')
    .description('what the router knows, for people; everything where no view is named')
    .addArgument(new Argument('[view]').choices(VIEWS))
    .action((view: StatusView | undefined, _, command) =>
      perform(command, async c => (await import('./status.ts')).status(c, view)),
    );
  program
    .command('report')
    .description('all that the router knows, as JSON')
    .action((_, command) => perform(command, async c => (await import('./report.ts')).report(c)));
  const doctor = program.command('doctor').description('what stands in the way here, and what helps');
  for (const { flag, value, help } of [OPTIONS.port, OPTIONS.dataPort, OPTIONS.host, OPTIONS.dataAddress]) {
    doctor.option(`--${flag} <${value}>`, help);
  }
  doctor.action((flags: LaunchFlags, command) =>
    perform(command, async c => (await import('./doctor.ts')).doctor(c, flags)),
  );
  program
    .command('logs')
    .description('what the router said')
    .option('-f, --follow', 'and what it says from now on')
    .action((flags: { follow?: boolean }, command) =>
      perform(command, async c => (await import('./logs.ts')).logs(c, flags.follow ?? false)),
    );
  program
    .command('version')
    .description('version of this command, and of the router that runs')
    .action((_, command) => perform(command, async c => (await import('./version.ts')).showVersion(c)));
}

/** `argv`: what stands behind the command's name. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_STATUS;
  }
}
