import { z } from 'zod';

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
  HostConfig: z.object({ NetworkMode: z.string().default('') }),
  NetworkSettings: z.object({ SandboxKey: z.string().default('') }),
});

export interface Inspection {
  readonly id: string;
  readonly name: string;
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
  const { Id, Name, State, HostConfig, NetworkSettings } = parsed.data;
  // While it waits for its next start, the engine calls it running as well.
  const runs = State.Running && !State.Restarting;
  return {
    id: Id,
    name: Name.replace(/^\//, ''),
    state: stateInWords(State),
    networkMode: HostConfig.NetworkMode,
    sandbox: runs && NetworkSettings.SandboxKey !== '' ? sandboxPath(NetworkSettings.SandboxKey) : undefined,
  };
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
