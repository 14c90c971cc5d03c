import { parseArgs } from 'node:util';
import { contains, formatCidr } from '../../core/address.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import type { Profile } from '../profile.ts';
import type { IpamSettings } from './ipam-options.ts';
import { bad, type Option } from './option.ts';
import { type Key, OPTIONS, type Settings } from './options.ts';
import { parsePeer, parsePeers } from './peer.ts';
import { misplacedProxy } from './proxy-options.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const KEYS = Object.keys(OPTIONS) as Key[];
const optionOf = (key: Key): Option<unknown> => OPTIONS[key] as Option<unknown>;

interface Given {
  readonly texts: ReadonlyMap<Key, { readonly text: string; readonly name: string }>;
  readonly peers: readonly string[];
}

function readArguments(argv: readonly string[]): Result<Given> {
  const options = Object.fromEntries(
    KEYS.map(
      key =>
        [optionOf(key).flag, { type: optionOf(key).value === undefined ? 'boolean' : 'string' }] as const,
    ),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const texts = new Map<Key, { text: string; name: string }>();
  const peers: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') peers.push(token.value);
    if (token.kind !== 'option') continue;
    const key = KEYS.find(candidate => `--${optionOf(candidate).flag}` === token.rawName);
    if (key === undefined) return refuse({ code: 'unknown-option', option: token.rawName });
    const takesValue = optionOf(key).value !== undefined;
    const text = takesValue ? token.value : (token.value ?? 'true');
    if (text === undefined || (takesValue && !token.inlineValue && text.startsWith('-')))
      return bad(token.rawName, text ?? '', `a value: ${optionOf(key).value}`);
    const before = optionOf(key).repeats ? texts.get(key)?.text : undefined;
    texts.set(key, { text: before === undefined ? text : `${before},${text}`, name: token.rawName });
  }
  return ok({ texts, peers });
}

const PREFIX = 'MESH_';

/** Under another profile's prefix a variable counts as under ours, and before it. */
function namesOf(key: Key, prefix: string): readonly string[] {
  return optionOf(key).env.flatMap(name =>
    name.startsWith(PREFIX) && prefix !== PREFIX ? [prefix + name.slice(PREFIX.length), name] : [name],
  );
}

function readEnvironment(
  key: Key,
  env: Environment,
  prefix: string,
): { text: string; name: string } | undefined {
  for (const name of namesOf(key, prefix)) {
    const text = env[name];
    // An empty variable says nothing, except where that is a value, like MESH_DOCKER= for "no engine".
    if (name === 'ORIG_DOCKER_HOST' && text === '') return undefined;
    const isEmptySaid =
      optionOf(key).takesNothing === true && (name.startsWith(PREFIX) || name.startsWith(prefix));
    if (text !== undefined && (text !== '' || isEmptySaid)) return { text, name };
  }
  return undefined;
}

/**
 * The settings of a router from its arguments (`--flag VALUE ... PEER ...`) and the environment; flags win. Of the environment
 * only what says `keys` counts, and the profile. Refuses with
 * `unknown-option`, `bad-setting`, `bad-port`, `bad-peer`, `bad-peer-name`.
 */
export function parseSettings(
  argv: readonly string[],
  env: Environment,
  keys: readonly Key[] = KEYS,
): Result<Settings> {
  const given = readArguments(argv);
  if (!given.ok) return given;
  const { texts } = given.value;
  const profile = readProfile(texts.get('profile') ?? readEnvironment('profile', env, PREFIX));
  if (!profile.ok) return profile;
  const values: Record<string, unknown> = { profile: profile.value };
  for (const key of KEYS) {
    if (key === 'profile') continue;
    const said = keys.includes(key) ? readEnvironment(key, env, profile.value.environmentPrefix) : undefined;
    const source = texts.get(key) ?? said;
    const parsed =
      source === undefined
        ? ok(initialOf(key, profile.value))
        : optionOf(key).parse(source.text, source.name);
    if (!parsed.ok) return parsed;
    values[key] = parsed.value;
  }
  return complete(values as unknown as Omit<Settings, 'peers'>, given.value.peers);
}

function readProfile(source: { text: string; name: string } | undefined): Result<Profile> {
  const { initial, parse } = OPTIONS.profile;
  return source === undefined ? ok(initial) : parse(source.text, source.name);
}

const initialOf = (key: Key, profile: Profile): unknown =>
  key !== 'profile' && key in profile.initial ? profile.initial[key] : optionOf(key).initial;

/** The checks that take more than one setting: peers without a port are taken to listen on ours. */
function complete(values: Omit<Settings, 'peers'>, texts: readonly string[]): Result<Settings> {
  const peers = parsePeers(texts, values.port);
  if (!peers.ok) return peers;
  const [first] = peers.value;
  if (values.resume && first !== undefined) return bad('--resume', first, 'no peers beside it');
  const advertise = values.advertise === undefined ? ok(undefined) : parsePeer(values.advertise, values.port);
  if (!advertise.ok) return advertise;
  const misplaced = misplacedSubnet(values) ?? misplacedProxy(values);
  return misplaced ?? ok({ ...values, advertise: advertise.value, peers: peers.value });
}

function misplacedSubnet({ ipamRange: range, ipamSubnet: subnet }: IpamSettings): Result<never> | undefined {
  if (subnet === undefined) return undefined;
  const flag = `--${OPTIONS.ipamSubnet.flag}`;
  if (range === undefined)
    return bad(flag, formatCidr(subnet), `nothing where --${OPTIONS.ipamRange.flag} is empty`);
  return subnet.prefix >= range.prefix && contains(range, subnet.address)
    ? undefined
    : bad(flag, formatCidr(subnet), `a part of ${formatCidr(range)}, which is what the mesh gives out`);
}

/** The arguments that give `settings` back to a router whose environment says nothing: all but the defaults. */
export function formatSettings(settings: Settings): string[] {
  const flags = KEYS.flatMap(key => {
    const { flag, value, format } = optionOf(key);
    const text = format(settings[key]);
    if (text === undefined || text === format(initialOf(key, settings.profile))) return [];
    return value === undefined ? [`--${flag}`] : [`--${flag}=${text}`];
  });
  return [...flags, ...settings.peers];
}

/** Where a router with this run directory answers. */
export function controlSocket(runDir: string): string {
  return `${runDir}/mesh.sock`;
}
