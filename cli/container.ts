import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Settings } from '../src/api/control/options.ts';
import { formatSettings } from '../src/api/control/settings.ts';
import { PLUGIN_FOLDER } from '../src/api/plugin/folder.ts';

/** Where an engine keeps the namespaces of its containers (`SandboxKey`). */
const DOCKER_NAMESPACES = '/run/docker/netns';
/** Where the folder of the host's resolv.conf(5) shows in the container. */
const RESOLV_FOLDER = '/host/resolv';
const CAPABILITIES = ['NET_ADMIN', 'SYS_ADMIN', 'NET_RAW', 'NET_BIND_SERVICE', 'CHOWN'];

/**
 * What a container of the router may do and see: all but `--name`, restart policy and image. Never `--privileged`.
 */
export function confinement(settings: Settings): string[] {
  const { runDir, stateDir, docker } = settings;
  const socket = docker.startsWith('unix://') ? docker.slice('unix://'.length) : undefined;
  return [
    // Ports and VXLAN devices belong to the host's network.
    '--network=host',
    '--cap-drop=ALL',
    ...CAPABILITIES.map(capability => `--cap-add=${capability}`),
    // AppArmor's profile for containers denies mount(2), and SELinux's denies the engine's socket: pinning the
    // switch's namespace is a mount.
    '--security-opt=apparmor=unconfined',
    '--security-opt=label=disable',
    '--security-opt=no-new-privileges',
    '--read-only',
    ...(listenFolders(settings).includes('/tmp') ? [] : ['--tmpfs=/tmp']),
    ...(existsSync('/dev/net/tun') ? ['--device=/dev/net/tun'] : []),
    // What is pinned in here has to show on the host, where it outlives the container.
    `--volume=${runDir}:${runDir}:rshared`,
    `--volume=${stateDir}:${stateDir}`,
    // Namespaces of containers that start later have to show in here.
    `--volume=${DOCKER_NAMESPACES}:${DOCKER_NAMESPACES}:rslave`,
    ...(socket === undefined ? [] : [`--volume=${socket}:${socket}`]),
    ...listenFolders(settings).map(folder => `--volume=${folder}:${folder}`),
    // Unlike a volume, one that is not there is refused.
    ...tlsFiles(settings).map(file => `--mount=type=bind,readonly,source=${file},target=${file}`),
    ...(settings.plugin && docker !== '' ? [`--volume=${PLUGIN_FOLDER}:${PLUGIN_FOLDER}`] : []),
  ];
}

/** Where it is to listen for Docker's clients, beside its run directory. */
function listenFolders({ proxyListen, runDir }: Settings): readonly string[] {
  const folders = proxyListen.flatMap(address => (address.kind === 'unix' ? [dirname(address.path)] : []));
  return [...new Set(folders)].filter(folder => folder !== runDir);
}

function tlsFiles({ tlsCaCert, tlsCert, tlsKey }: Settings): readonly string[] {
  return [...new Set([tlsCaCert, tlsCert, tlsKey])].filter(file => file !== undefined);
}

/**
 * The host's resolv.conf(5), as a router in a container follows it. An engine gives containers a copy, as the file was when
 * they started; and a mount of the file alone would stay with the old one when it is replaced. So its folder is mounted,
 * that of the file itself where the path is a link.
 */
export function resolvConf(path: string): { readonly flags: string[]; readonly path: string } {
  if (!existsSync(path)) return { flags: [], path };
  const real = realpathSync(path);
  return {
    flags: [`--volume=${dirname(real)}:${RESOLV_FOLDER}:ro`],
    path: join(RESOLV_FOLDER, basename(real)),
  };
}

/** The arguments of the router in a container. Its default host name is the host's, but may be renamed meanwhile. */
export function routerArguments(settings: Settings): string[] {
  const flags = formatSettings({ ...settings, resolvConf: resolvConf(settings.resolvConf).path });
  const named = flags.some(flag => flag.startsWith('--nickname='));
  return named ? flags : [`--nickname=${settings.nickname}`, ...flags];
}

/** What to do about a mount that an engine refused, or undefined where that was not it. */
export function sharedMountAdvice(reason: string): string | undefined {
  return /not a shared( or slave)? mount/.test(reason)
    ? `${reason.replace(/\.$/, '')}; run "mount --make-rshared /" (systemd does so at boot), or pass --native`
    : undefined;
}
