import * as z from 'zod';

/** What `GET /containers/ID/json` says, as far as it matters here; so in API 1.12 (2014) and in 1.52 (2025). */
const INSPECTION = z.object({
  Id: z.string(),
  Name: z.string(),
  State: z.object({
    Running: z.boolean(),
    Restarting: z.boolean().default(false),
    Dead: z.boolean().default(false),
    ExitCode: z.number().default(0),
    StartedAt: z.string().default(''),
  }),
  Config: z
    .object({ Hostname: z.string().default(''), Domainname: z.string().default('') })
    .default({ Hostname: '', Domainname: '' }),
  HostConfig: z.object({ NetworkMode: z.string().default('') }),
  NetworkSettings: z.object({
    SandboxKey: z.string().default(''),
    Networks: z
      .record(
        z.string(),
        z.object({ Aliases: z.array(z.string()).nullish(), EndpointID: z.string().default('') }).nullable(),
      )
      .nullish(),
  }),
});

export interface Inspection {
  readonly id: string;
  readonly name: string;
  /** Its host name, if it was given one, and what its networks call it; not its id, which engines use in both places. */
  readonly aliases: readonly string[];
  /** Ids of its endpoints on all networks; it has some while it runs. */
  readonly endpoints: readonly string[];
  /** For a person, e.g. `running` or `exited (code 3)`. */
  readonly state: string;
  /** As Docker has it: `host`, `container:ID`, `none`, `default` or a network. */
  readonly networkMode: string;
  /** Path of its network namespace; undefined where it has none of its own now. */
  readonly sandbox: string | undefined;
}

/** Undefined where the body is not what an engine answers. */
export function parseInspection(body: unknown): Inspection | undefined {
  const parsed = INSPECTION.safeParse(body);
  if (!parsed.success) return undefined;
  const { Id, Name, State, Config, HostConfig, NetworkSettings } = parsed.data;
  // While it waits for its next start, the engine calls it running as well.
  const runs = State.Running && !State.Restarting;
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    aliases: aliasesOf(Id, Config, NetworkSettings.Networks ?? {}),
    endpoints: Object.values(NetworkSettings.Networks ?? {}).flatMap(network => network?.EndpointID || []),
    state: stateInWords(State),
    networkMode: HostConfig.NetworkMode,
    sandbox: runs && NetworkSettings.SandboxKey !== '' ? sandboxPath(NetworkSettings.SandboxKey) : undefined,
  };
}

function aliasesOf(
  id: string,
  { Hostname, Domainname }: z.infer<typeof INSPECTION>['Config'],
  networks: NonNullable<z.infer<typeof INSPECTION>['NetworkSettings']['Networks']>,
): readonly string[] {
  const host = Domainname === '' ? Hostname : `${Hostname}.${Domainname}`;
  const all = [host, ...Object.values(networks).flatMap(network => network?.Aliases ?? [])];
  return [...new Set(all)].filter(alias => alias !== '' && !id.startsWith(alias));
}

function stateInWords(state: z.infer<typeof INSPECTION>['State']): string {
  if (state.Restarting) return `restarting (code ${state.ExitCode})`;
  if (state.Running) return 'running';
  if (state.Dead) return 'dead';
  if (state.StartedAt === '' || state.StartedAt.startsWith('0001-')) return 'created';
  return `exited (code ${state.ExitCode})`;
}

/** /var/run is a link to /run on a host, but need not be in the router's container, where the folder is mounted as /run. */
function sandboxPath(key: string): string {
  return key.replace(/^\/var\/run\//, '/run/');
}
