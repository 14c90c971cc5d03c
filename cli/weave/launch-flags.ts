import type { Command } from 'commander';
import { OPTIONS } from '../../src/api/control/options.ts';
import type { Profile } from '../../src/api/profile.ts';
import { type ListenAddress, parseListenAddress } from '../../src/api/proxy/listen-address.ts';
import { addSettings } from '../flags.ts';

/** As the command line parser gives them; `--no-x` as `x: false`. */
export interface LaunchFlags {
  readonly password?: string;
  readonly restart?: boolean;
  readonly token?: string;
  readonly awsvpc?: boolean;
  readonly [flag: string]: boolean | string | undefined;
}

/** Flags of Weave's that are taken and change nothing here, and why that is. */
export const IDLE: Readonly<Record<string, string>> = {
  'conn-limit <n>': 'there is no limit to run into: the number of connections a host grows with nothing',
  'connlimit <n>': 'as --conn-limit',
  'min-protocol-version <n>': 'versions are negotiated',
  'weave-bridge <name>': 'the switch is in a network namespace of its own',
  'docker-bridge <name>': 'it is found by itself',
  'datapath <name>': 'there is no Open vSwitch',
  'no-bridged-fastdp': 'there is one kind of switch',
  'no-masq-local': 'traffic between local containers is never masqueraded',
  'expect-npc': 'network policies of Kubernetes are not provided',
  'pkt-debug': 'packets do not come by the router',
  'bufsz <mb>': 'packets do not come by the router',
  'db-prefix <path>': 'the state is where --state-dir says',
  'proc-path <path>': 'namespaces are found through Docker',
  'host-root <path>': 'the router reads nothing else of the host',
  'metrics-addr <address>': 'metrics are at --http-addr and --status-addr',
  'dns-fallback-timeout <time>': 'upstream servers are asked in parallel',
  'no-detect-tls': 'TLS is never guessed, only taken where it is asked for',
  tls: 'TLS that takes anybody protects nobody: use --tlsverify',
  'peer-discovery-url <url>': 'Weave Cloud has ended',
  'advertise-address <address>': 'see --advertise',
};

/** Everything that `weave launch` takes: its own flags, and every setting of the router. */
export function addLaunchFlags(command: Command, program: Command): void {
  command
    .option('--password <password>', 'that all routers share')
    .option('--no-restart', 'the router does not come back by itself')
    .option('--plugin [bool]', 'offer Docker a network driver (true)')
    .option('--proxy [bool]', 'stand in front of Docker (true)')
    .option('--token <token>', 'of Weave Cloud, which has ended: refused')
    .option('--awsvpc', 'refused')
    .option('--docker-api <address>', `the same as --${OPTIONS.docker.flag}`);
  for (const [flag, why] of Object.entries(IDLE)) command.option(`--${flag}`, `changes nothing: ${why}`);
  addSettings(command, program);
}

/** Where the proxy listens by itself: where who launches it asks Docker, in kind. */
export function proxyPlaces({ proxyPlaces: places }: Profile, dockerHost = ''): readonly ListenAddress[] {
  const isLocal = dockerHost === '' || dockerHost.startsWith('unix:');
  const place = places && parseListenAddress(isLocal ? places.unix : places.tcp);
  return place === undefined ? [] : [place];
}
