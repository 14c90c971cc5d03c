import { RELEASES, type Release } from '../releases.ts';

export interface FakeContainer {
  readonly name: string;
  readonly networkMode?: string;
  readonly hostname?: string;
  readonly domain?: string;
  /** On its first network. */
  readonly aliases?: readonly string[];
  readonly state?: Partial<ContainerState>;
  readonly sandbox?: string;
  /** Of the restart policy. */
  readonly restart?: string;
  /** The ids of its endpoints, by network; empty where it does not run. */
  readonly endpoints?: Readonly<Record<string, string>>;
}

export interface ContainerState {
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  Dead: boolean;
  ExitCode: number;
  /** Why it could not be started. */
  Error: string;
  StartedAt: string;
}

export interface Entry extends FakeContainer {
  readonly id: string;
  readonly state: ContainerState;
}

export const RUNNING: ContainerState = {
  Running: true,
  Paused: false,
  Restarting: false,
  Dead: false,
  ExitCode: 0,
  Error: '',
  StartedAt: '2026-03-01T12:00:00.000000000Z',
};
/** When what never ran was started. */
export const NEVER = '0001-01-01T00:00:00Z';
export const STOPPED = { ...RUNNING, Running: false, ExitCode: 137 };

const MAC = '02:42:0a:20:00:05';

/** As `GET /containers/ID/json` has it. `idOf`: of a network. */
export function inspection(
  container: Entry,
  release: Release,
  idOf: (network: string) => string | undefined,
): object {
  const { tellsTwice } = RELEASES[release];
  return {
    Id: container.id,
    Name: `/${container.name}`,
    State: container.state,
    Config: {
      Hostname: container.hostname ?? container.id.slice(0, 12),
      Domainname: container.domain ?? '',
      ...(tellsTwice && { MacAddress: '' }),
    },
    HostConfig: {
      NetworkMode: container.networkMode ?? 'default',
      RestartPolicy: { Name: container.restart ?? 'no', MaximumRetryCount: 0 },
    },
    NetworkSettings: {
      SandboxKey: container.sandbox ?? '',
      ...(tellsTwice && { Bridge: '', IPAddress: '', MacAddress: '', Gateway: '' }),
      Networks: membership(container, release, idOf),
    },
  };
}

/** As `GET /containers/json` lists it. */
export function listing(
  container: Entry,
  release: Release,
  idOf: (network: string) => string | undefined,
): object {
  const { id, name, state } = container;
  return {
    Id: id,
    Names: [`/${name}`],
    State: statusOf(state),
    NetworkSettings: { Networks: membership(container, release, idOf) },
  };
}

/** As the filter `status` knows it. */
export function statusOf({ Running, StartedAt }: ContainerState): string {
  if (Running) return 'running';
  return StartedAt.startsWith('0001-') ? 'created' : 'exited';
}

function membership(
  { aliases, endpoints = { bridge: '' }, id, name, state }: Entry,
  release: Release,
  idOf: (network: string) => string | undefined,
): object {
  const { aliasesHaveId, endpointsHaveNames } = RELEASES[release];
  const short = id.slice(0, 12);
  return Object.fromEntries(
    Object.entries(endpoints).map(([network, endpoint], index) => {
      const called = index === 0 && aliases !== undefined ? aliases : undefined;
      return [
        network,
        {
          IPAMConfig: null,
          Links: null,
          Aliases: called === undefined ? null : [...called, ...(aliasesHaveId ? [short] : [])],
          MacAddress: endpoint === '' ? '' : MAC,
          ...(endpointsHaveNames && { DNSNames: [name, ...(called ?? []), short] }),
          NetworkID: state.StartedAt === NEVER ? '' : (idOf(network) ?? ''),
          EndpointID: endpoint,
        },
      ];
    }),
  );
}
