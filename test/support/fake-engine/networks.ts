import { RELEASES, type Release } from '../releases.ts';

/** What is asked of `POST /networks/create`, and kept. */
export interface NetworkBody {
  readonly Name: string;
  readonly CheckDuplicate?: boolean;
  readonly Driver?: string;
  readonly Internal?: boolean;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: {
    readonly Driver?: string;
    readonly Config?: readonly Readonly<Record<string, unknown>>[] | null;
  };
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export interface Member {
  readonly EndpointID: string;
  readonly IPv4Address: string;
}

interface Entry extends NetworkBody {
  readonly id: string;
  /** By container; by `ep-ID` where the engine knows of none. */
  readonly members: Map<string, Member>;
}

type Tell = (action: 'create' | 'destroy', network: { id: string; name: string; type: string }) => void;

/** The networks of a played engine; `tell` says to its followers what became of one. */
export class PlayedNetworks {
  readonly #all = new Map<string, Entry>();
  readonly #tell: Tell;
  #made = 0;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  create(body: NetworkBody, release: Release): Answer {
    const { namesAreUnique } = RELEASES[release];
    const isTaken = this.#find(body.Name) !== undefined;
    if (isTaken && (namesAreUnique || body.CheckDuplicate === true))
      return { status: 409, body: { message: `network with name ${body.Name} already exists` } };
    this.#made += 1;
    const id = this.#made.toString(16).padStart(4, '0').padEnd(64, 'b');
    const entry = { ...body, id, members: new Map() };
    this.#all.set(id, entry);
    this.#say('create', entry);
    return { status: 201, body: { Id: id, Warning: '' } };
  }

  remove(nameOrId: string): Answer {
    const entry = this.#find(nameOrId);
    if (entry === undefined) return notFound(nameOrId);
    if (entry.members.size > 0) {
      const message = `error while removing network: network ${entry.Name} has active endpoints`;
      return { status: 403, body: { message } };
    }
    this.#all.delete(entry.id);
    this.#say('destroy', entry);
    return { status: 204 };
  }

  list(release: Release, drivers: readonly string[]): Answer {
    const all = [...this.#all.values()];
    const asked = all.filter(({ Driver = 'bridge' }) => drivers.length === 0 || drivers.includes(Driver));
    // Who is on a network is told of one only.
    return { status: 200, body: asked.map(entry => resource(entry, release, false)) };
  }

  inspect(nameOrId: string, release: Release): Answer {
    const entry = this.#find(nameOrId);
    return entry === undefined ? notFound(nameOrId) : { status: 200, body: resource(entry, release, true) };
  }

  /** Puts a container, or what an engine holds for none, onto a network. */
  join(nameOrId: string, key: string, member: Member): void {
    this.#find(nameOrId)?.members.set(key, member);
  }

  leave(nameOrId: string, key: string): void {
    this.#find(nameOrId)?.members.delete(key);
  }

  idOf(name: string): string | undefined {
    return this.#find(name)?.id;
  }

  names(): readonly string[] {
    return [...this.#all.values()].map(({ Name }) => Name).sort();
  }

  #find(nameOrId: string): Entry | undefined {
    return this.#all.get(nameOrId) ?? [...this.#all.values()].find(({ Name }) => Name === nameOrId);
  }

  #say(action: 'create' | 'destroy', { id, Name, Driver = 'bridge' }: Entry): void {
    this.#tell(action, { id, name: Name, type: Driver });
  }
}

const notFound = (nameOrId: string): Answer => ({
  status: 404,
  body: { message: `network ${nameOrId} not found` },
});

function resource(entry: Entry, release: Release, withMembers: boolean): object {
  const { Driver = 'bridge', id, Internal = false, IPAM, Labels, members, Name, Options } = entry;
  return {
    ...{ Name, Id: id, Created: '2026-03-01T12:00:00Z', Scope: 'local', Driver, EnableIPv6: false },
    ...(RELEASES[release].saysIpv4 && { EnableIPv4: true }),
    IPAM: { Driver: IPAM?.Driver ?? 'default', Options: null, Config: IPAM?.Config ?? [] },
    ...{ Internal, Attachable: false, Ingress: false, ConfigFrom: { Network: '' }, ConfigOnly: false },
    Containers: withMembers ? Object.fromEntries(members) : {},
    Options: Options ?? {},
    Labels: Labels ?? {},
  };
}
