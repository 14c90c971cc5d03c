import { ask } from '../../src/api/control/client.ts';
import { DNS_PORT } from '../../src/api/control/dns-options.ts';
import { version } from '../../src/api/control/version.ts';
import { ok, type Result } from '../../src/core/errors.ts';
import type { Report } from '../../src/core/report.ts';
import { runCommand } from '../command.ts';
import { type Context, placeSettings } from '../context.ts';
import { dockerAt } from '../docker.ts';
import { type Attached, attachedOf, HOST } from '../render/attached.ts';
import { shortId } from '../render/label.ts';
import { get, type HttpAnswer } from './answers.ts';
import { type Outcome, refused } from './refusal.ts';

const DOCKER_BRIDGE = 'docker0';
const NOT_FOUND = 404;
const UNREADY = 503;

/** `weave status [VIEW]`: `usage` is said where there is no such view. */
export async function status(context: Context, view: string | undefined, usage: string): Promise<Outcome> {
  const answer = await get(context, view === undefined ? '/status' : `/status/${view}`);
  if (!answer.ok) return answer;
  if (answer.value.status === NOT_FOUND)
    return refused(`Invalid '${context.profile.command} status' sub-command: ${view}\n${usage}`);
  const text = answer.value.text.replace(/\n$/, '');
  return say(context, { ...answer.value, text: view === undefined ? `\n${text}\n` : text });
}

/** `weave report [-f TEMPLATE]` */
export async function report(context: Context, template: string | undefined): Promise<Outcome> {
  const path = template === undefined ? '/report' : `/report?format=${encodeURIComponent(template)}`;
  const answer = await get(context, path, template === undefined ? 'application/json' : '*/*');
  if (!answer.ok) return answer;
  const { status: code, text } = answer.value;
  // What a template gives ends as the template has it.
  if (template === undefined || !isWell(code)) return say(context, answer.value);
  process.stdout.write(text);
  return ok(undefined);
}

const isWell = (code: number): boolean => code === 200 || code === UNREADY;

/** What is well goes to standard output, with an end of line; also while the router is not ready, as its text says. */
function say(context: Context, { status: code, text }: HttpAnswer): Outcome {
  if (!isWell(code)) return refused(text.trimEnd());
  context.print(text, text);
  return ok(undefined);
}

/** `weave ps [CONTAINER...]`: names are shown as they are given; who is not attached is left out. */
export async function ps(context: Context, names: readonly string[]): Promise<Result<void>> {
  const reply = await ask(context.socket, 'report');
  if (!reply.ok) return reply;
  const all = attachedOf(reply.value);
  const host = `${context.profile.command}:expose`;
  const own = all.find(({ container }) => container === HOST) ?? unexposed(reply.value);
  const others = all.filter(({ container }) => container !== HOST);
  const line = (label: string, { mac, addresses }: Attached): string => [label, mac, ...addresses].join(' ');
  const named: string[] = [];
  for (const name of names) {
    const found =
      name === host
        ? own
        : (others.find(one => isCalled(one, name)) ?? (await inNetworkOf(context, others, name)));
    if (found !== undefined) named.push(line(name, found));
  }
  const everything = [line(host, own), ...others.map(one => line(shortId(one.container), one))];
  const shown = names.length === 0 ? everything : named;
  context.print(shown, shown.join('\n'));
  return ok(undefined);
}

/** Whom a container shares the network of that is in another's. */
async function inNetworkOf(
  context: Context,
  all: readonly Attached[],
  name: string,
): Promise<Attached | undefined> {
  const settings = placeSettings(context);
  if (!settings.ok) return undefined;
  const format = '{{.HostConfig.NetworkMode}}';
  const { stdout } = await dockerAt(settings.value).run('container', 'inspect', '--format', format, name);
  const [kind, other] = stdout.trim().split(':');
  return kind === 'container' && other ? all.find(one => isCalled(one, other)) : undefined;
}

const isCalled = ({ container, containerName }: Attached, name: string): boolean =>
  containerName === name || container.startsWith(name);

/** Weave's bridge has the peer name as its MAC. */
const unexposed = ({ self }: Report): Attached => ({
  container: HOST,
  containerName: HOST,
  mac: self.name,
  addresses: [],
});

/** `weave dns-args`: nothing where DNS is off. */
export async function dnsArguments(context: Context): Promise<Result<void>> {
  const reply = await ask(context.socket, 'dns');
  if (!reply.ok) return reply;
  const { server, zone } = reply.value;
  const place = server?.listening.find(({ inSwitch, port }) => !inSwitch && port === DNS_PORT);
  if (place !== undefined) process.stdout.write(`--dns=${place.address} --dns-search=${zone}.`);
  return ok(undefined);
}

/** `weave docker-bridge-ip`: whether or not a router runs, and whether or not anything is on the bridge. */
export async function dockerBridgeAddress({ env, print }: Context): Promise<Outcome> {
  const bridge = env['DOCKER_BRIDGE'] || DOCKER_BRIDGE;
  const { stdout } = await runCommand('ip', ['-4', '-o', 'address', 'show', bridge]);
  const address = / inet ([\d.]+)\//.exec(stdout)?.[1];
  if (address === undefined) return refused(`Device "${bridge}" has no IPv4 address.`);
  print(address, address);
  return ok(undefined);
}

/** `weave version` */
export async function showVersion(context: Context): Promise<Result<void>> {
  const { command } = context.profile;
  const health = await ask(context.socket, 'health');
  const router = health.ok ? [`${command} ${health.value.version}`] : [];
  context.print(version(), [`${command} script ${version()}`, ...router].join('\n'));
  return ok(undefined);
}
