import { ok, refuse } from '../../src/core/errors.ts';
import type {
  ContainerNetworks,
  EngineNetwork,
  EngineNetworkEvent,
  EngineNetworkSpec,
} from '../../src/ports/container-networks.ts';

export interface FakeNetworks extends ContainerNetworks {
  readonly all: Map<string, EngineNetwork>;
  /** Why creating is refused now; undefined where it is not. */
  refusal: string | undefined;
  /** Networks with a container on them can't be removed. */
  readonly busy: Set<string>;
  /** As a user does it, past the proxy. */
  userCreates(spec: Partial<EngineNetworkSpec> & { name: string }): void;
  userRemoves(name: string): void;
  /** As `userRemoves`, but the end is not heard before what is given back is called. */
  userRemovesUnheard(name: string): () => void;
  names(): readonly string[];
}

const NOTHING: Omit<EngineNetworkSpec, 'name'> = {
  driver: 'mesh',
  subnets: [],
  range: undefined,
  gateway: undefined,
  aux: {},
  internal: false,
  labels: {},
  options: {},
};

/** The networks of an engine, in memory. */
export function createFakeNetworks(): FakeNetworks {
  const all = new Map<string, EngineNetwork>();
  const listeners = new Set<(event: EngineNetworkEvent) => void>();
  let made = 0;
  const tell = (event: EngineNetworkEvent): void => {
    for (const listener of listeners) listener(event);
  };

  function add(spec: EngineNetworkSpec): void {
    made += 1;
    const id = `engine${made}`;
    all.set(id, { ...spec, id, ipamDriver: spec.driver });
    tell({ kind: 'created', id, name: spec.name });
  }

  function drop(id: string): void {
    const name = all.get(id)?.name ?? '';
    if (all.delete(id)) tell({ kind: 'removed', id, name });
  }

  const fake: FakeNetworks = {
    all,
    refusal: undefined,
    busy: new Set(),
    list: async () => ok([...all.values()]),
    async create(spec) {
      if (fake.refusal !== undefined)
        return refuse({ code: 'network-refused', network: spec.name, why: fake.refusal });
      add(spec);
      return ok(undefined);
    },
    async remove(id) {
      const name = all.get(id)?.name ?? '';
      if (fake.busy.has(name))
        return refuse({ code: 'network-refused', network: name, why: 'it has active endpoints' });
      drop(id);
      return ok(undefined);
    },
    watch(listener) {
      listeners.add(listener);
      queueMicrotask(() => listener({ kind: 'look-again' }));
      return () => void listeners.delete(listener);
    },
    userCreates: spec => add({ ...NOTHING, ...spec }),
    userRemoves(name) {
      const found = [...all.values()].find(network => network.name === name);
      if (found !== undefined) drop(found.id);
    },
    userRemovesUnheard(name) {
      const found = [...all.values()].find(network => network.name === name);
      if (found === undefined) throw new Error(`there is no network ${name}`);
      all.delete(found.id);
      return () => tell({ kind: 'removed', id: found.id, name });
    },
    names: () => [...all.values()].map(({ name }) => name).sort(),
  };
  return fake;
}
