import * as z from 'zod';
import { shortId } from '../../core/endpoints/engine-id.ts';
import { ok, type Result, refuse } from '../../core/errors.ts';
import { CUT_OFF, type Inhabitant } from '../../ports/engine-endpoints.ts';
import type { Engine } from './engine.ts';

/** Which containers an engine has given up starting, since nobody answered where it looked for a driver, or not to the end. */

type Asked = Pick<Engine, 'get'>;

const NETWORKS = z.array(z.object({ Id: z.string(), Name: z.string().default('') }));
const CONTAINERS = z.array(
  z.object({
    Id: z.string(),
    NetworkSettings: z
      .object({ Networks: z.record(z.string(), z.object({ NetworkID: z.string().default('') })).nullish() })
      .nullish(),
  }),
);
const CONTAINER = z.object({
  Name: z.string(),
  State: z.object({ Running: z.boolean(), Error: z.string().default('') }),
  HostConfig: z.object({ RestartPolicy: z.object({ Name: z.string().default('') }).nullish() }),
});

/** The engine's networks of that driver. */
export async function networksOf(engine: Asked, driver: string): Promise<Result<z.infer<typeof NETWORKS>>> {
  const filters = encodeURIComponent(JSON.stringify({ driver: [driver] }));
  const found = await read(engine, `/networks?filters=${filters}`, NETWORKS);
  return found.ok ? ok(found.value ?? []) : found;
}

/** What engines say, from 20.10 on: of a plugin that they never found, of one whose socket is not answered, and what ours says. */
const wantOf = (driver: string): RegExp =>
  new RegExp(
    `plugin "?${driver}"? not found|dial unix \\S*/${driver}\\.sock|plugins%2F${driver}\\.sock|${CUT_OFF}`,
  );

export async function abandoned(
  engine: Asked,
  driver: string,
): Promise<Result<readonly Pick<Inhabitant, 'id' | 'name'>[]>> {
  const networks = await networksOf(engine, driver);
  if (!networks.ok || networks.value.length === 0) return networks.ok ? ok([]) : networks;
  // The network of a container that never ran has no id there, only what the user called it.
  const calls = new Set(networks.value.flatMap(({ Id, Name }) => [Id, shortId(Id), Name]));
  const filters = encodeURIComponent(JSON.stringify({ status: ['created', 'exited'] }));
  const listed = await read(engine, `/containers/json?all=1&filters=${filters}`, CONTAINERS);
  if (!listed.ok) return listed;
  const found: Pick<Inhabitant, 'id' | 'name'>[] = [];
  for (const { Id, NetworkSettings } of listed.value ?? []) {
    const members = Object.entries(NetworkSettings?.Networks ?? {});
    if (!members.some(([called, { NetworkID }]) => calls.has(NetworkID || called))) continue;
    const container = await read(engine, `/containers/${Id}/json`, CONTAINER);
    if (!container.ok) return container;
    if (container.value === undefined) continue;
    const { HostConfig, Name, State } = container.value;
    // What nobody asked to come back stays where it is.
    const returns = !['', 'no'].includes(HostConfig.RestartPolicy?.Name ?? '');
    if (returns && !State.Running && wantOf(driver).test(State.Error))
      found.push({ id: Id, name: Name.replace(/^\//, '') });
  }
  return ok(found);
}

/** Undefined where there is no such thing. */
export async function read<Value>(
  engine: Asked,
  path: string,
  schema: z.ZodType<Value>,
): Promise<Result<Value | undefined>> {
  const answer = await engine.get(path);
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  if (status === 404) return ok(undefined);
  const parsed = status === 200 ? schema.safeParse(body) : undefined;
  return parsed?.success
    ? ok(parsed.data)
    : refuse({ code: 'docker-refused', container: path, why: `status ${status}` });
}
