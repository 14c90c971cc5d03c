import { describe } from '../../../core/errors.ts';
import { isObject } from '../../../core/json.ts';
import type { Check, DoctorContext, Found } from '../check.ts';

/** The engine API of Docker 20.10, the oldest that is supported. */
const OLDEST = { release: '20.10', minor: 41 };
/** Set on the router's container. */
const BUILD_LABEL = 'mesh.build';

/** The Docker engine: there, new enough, and able to run the router. */
export const engine: Check = {
  name: 'engine',
  async run(context) {
    const { engine: docker } = context.machine;
    if (docker === undefined) return [];
    const answer = await docker.get('/version');
    if (!answer.ok) {
      const what = `${describe(answer.problem)}; without one, only network namespaces can be attached (netns:PATH)`;
      return [{ level: 'note', what }];
    }
    const release = textIn(answer.value.body, 'Version');
    const api = textIn(answer.value.body, 'ApiVersion');
    const minor = Number(/^1\.(\d+)$/.exec(api)?.[1] ?? Number.NaN);
    const own: Found =
      minor < OLDEST.minor
        ? {
            level: 'problem',
            what: `Docker ${release} (API ${api}) is older than ${OLDEST.release} (API 1.${OLDEST.minor})`,
            cure: 'upgrade it',
          }
        : { level: 'ok', what: `Docker ${release} (API ${api}) answers` };
    return [own, ...(await inspectContainer(context)), ...mounts(context)];
  },
};

const textIn = (body: unknown, key: string): string => (isObject(body) ? String(body[key] ?? '') : '');

/** A container that has the name of the router's. */
async function inspectContainer({ machine, router, settings }: DoctorContext): Promise<readonly Found[]> {
  const { container } = settings.profile;
  const answer = await machine.engine?.get(`/containers/${container}/json`);
  if (!answer?.ok || answer.value.status !== 200 || !isObject(answer.value.body)) return [];
  const { State: state, Config: config } = answer.value.body;
  const labels = isObject(config) ? config['Labels'] : undefined;
  if (!isObject(labels) || labels[BUILD_LABEL] === undefined) {
    const what = `a container "${container}" that isn't ours has the name of the router's`;
    return [
      { level: router === undefined ? 'problem' : 'note', what, cure: 'rename it, or launch with --native' },
    ];
  }
  const status = textIn(state, 'Status');
  if (router !== undefined || status === '') return [];
  const what = `the router's container "${container}" is ${status}, and no router answers`;
  return status === 'running' || status === 'restarting'
    ? [{ level: 'problem', what, cure: '"mesh logs" tells why; "mesh stop" ends it' }]
    : [{ level: 'note', what, cure: '"mesh launch" starts a new one in its place, "mesh reset" removes it' }];
}

/** A container of the router pins the switch where the host must see it. */
function mounts({ machine, router, settings }: DoctorContext): readonly Found[] {
  if (router !== undefined || machine.contained || machine.isShared(settings.runDir)) return [];
  const what = `what a container mounts in ${settings.runDir} would not show on the host (it is no shared mount)`;
  return [
    {
      level: 'problem',
      what,
      cure: 'mount --make-rshared / (systemd does so at boot), or launch with --native',
    },
  ];
}
