import type { Settings } from './control/options.ts';

/** Every name that a user's script may meet, in one place; another profile changes them all at once. */
export interface Profile {
  readonly name: 'mesh' | 'weave';
  readonly command: string;
  readonly container: string;
  /** The container whose volume has the router's state; undefined: a directory of the host has it. */
  readonly dataContainer: string | undefined;
  /** What Docker calls the network that every host has. */
  readonly network: string;
  /** What engines call the drivers of our networks and addresses. */
  readonly driver: string;
  /** Of the interface in a container, and of the host's own. */
  readonly device: string;
  readonly legDevice: string;
  readonly environmentPrefix: string;
  /** Driver option of a Docker network: whether its containers have a route for multicast. */
  readonly multicastOption: string;
  /** Where the Docker proxy listens always, in the run directory; undefined: where it is told to, and nowhere else. */
  readonly proxySocket: string | undefined;
  /** Where it is told to listen where the user does not say: as who launches it asks Docker, in kind. */
  readonly proxyPlaces: Readonly<Record<'unix' | 'tcp', string>> | undefined;
  /** What is attached is called by its host name, if that is a full one in the zone, and by nothing else. */
  readonly namesByHostName: boolean;
  /** A host by itself divides the addresses when the first is asked for. */
  readonly dividesLate: boolean;
  /** Who is out of reach is dialled only if the user has named him: not because somebody told of him once. */
  readonly dialsReachable: boolean;
  /** What interfaces say of themselves where all frames go through the routers; the measured MTU where undefined. */
  readonly sleeveDeviceMtu: number | undefined;
  /** After a loss of its state the router takes over what is attached, as it finds it in the kernel. */
  readonly recovers: boolean;
  /** What a stopped container had is another's that asks for it by name. */
  readonly yields: boolean;
  /** With another range or another name, what was known before is forgotten, in place of a refusal. */
  readonly beginsAnew: boolean;
  /** A launch that names no peers knows nobody, whomever the router knew before. */
  readonly beginsAlone: boolean;
  /**
   * Folder of this host with the program that waits for the network, which runs before those of containers that the Docker
   * proxy makes; undefined: they are joined to the Docker network before they start, and have nothing to wait for.
   */
  readonly waitFolder: string | undefined;
  /** What settings are where nobody says anything, as far as it is not what `OPTIONS` has. */
  readonly initial: Partial<Omit<Settings, 'profile'>>;
}

export const MESH: Profile = {
  name: 'mesh',
  command: 'mesh',
  container: 'mesh',
  dataContainer: undefined,
  network: 'mesh',
  driver: 'mesh',
  device: 'ethmesh',
  legDevice: 'mesh',
  environmentPrefix: 'MESH_',
  multicastOption: 'mesh.multicast',
  proxySocket: 'docker.sock',
  proxyPlaces: undefined,
  namesByHostName: false,
  dividesLate: false,
  dialsReachable: false,
  sleeveDeviceMtu: undefined,
  recovers: false,
  yields: false,
  beginsAnew: false,
  beginsAlone: false,
  waitFolder: undefined,
  initial: {},
};

/** For the scripts of Weave Net's users: what they call, find and read is what Weave 2 had. */
export const WEAVE: Profile = {
  name: 'weave',
  command: 'weave',
  container: 'weave',
  dataContainer: 'weavedb',
  network: 'weave',
  driver: 'weavemesh',
  device: 'ethwe',
  legDevice: 'weave',
  environmentPrefix: 'WEAVE_',
  multicastOption: 'works.weave.multicast',
  proxySocket: undefined,
  proxyPlaces: { unix: 'unix:///var/run/weave/weave.sock', tcp: 'tcp://0.0.0.0:12375' },
  namesByHostName: true,
  dividesLate: true,
  dialsReachable: true,
  sleeveDeviceMtu: 65_535,
  recovers: true,
  yields: true,
  beginsAnew: true,
  beginsAlone: true,
  waitFolder: '/var/lib/weave/wait',
  initial: {
    dnsDomain: 'weave.local',
    stateDir: '/var/lib/weave',
    runDir: '/var/run/weave',
    httpAddresses: ['127.0.0.1:6784'],
    statusAddresses: ['127.0.0.1:6782'],
    // Nothing is given up that is waited for: a script has a time limit of its own.
    ipamTimeout: 3_600,
  },
};

export const PROFILES: readonly Profile[] = [MESH, WEAVE];
