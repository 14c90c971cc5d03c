import type { ControlHandlers, DnsReport, NameRequest } from '../api/control/contract.ts';
import type { Settings } from '../api/control/options.ts';
import { type Ipv4, parseIpv4 } from '../core/address.ts';
import { describe, ok, type Result, refuse } from '../core/errors.ts';
import type { Command, Reply } from '../core/host/step.ts';
import { parseName, type ZoneName } from '../core/names/name.ts';
import { DEFAULT_NETWORK } from '../core/networks/network.ts';
import type { Names } from './names.ts';

export interface NameHandlerParts {
  readonly zone: string;
  ask(command: Command): Promise<Result<Reply>>;
  addressesOf(name: ZoneName): readonly Ipv4[];
  dns(): Promise<DnsReport>;
}

type Handlers = Pick<ControlHandlers, 'name' | 'unname' | 'lookup' | 'dns'>;

export function nameHandlers({ zone, ask, addressesOf, dns }: NameHandlerParts): Handlers {
  async function change(kind: 'name' | 'unname', request: NameRequest): Promise<Result<void>> {
    const addresses = parseAll(request.addresses ?? []);
    if (!addresses.ok) return addresses;
    const names = parseNames(request.names ?? [], zone);
    if (!names.ok) return names;
    const { container, network = DEFAULT_NETWORK.name } = request;
    const command = { kind, container, network } as const;
    const reply = await ask({ ...command, addresses: addresses.value, names: names.value });
    return reply.ok ? ok(undefined) : reply;
  }

  return {
    name: request => change('name', request),
    unname: request => change('unname', request),
    dns: async () => ok(await dns()),
    async lookup({ name: text }) {
      const name = parseName(text, zone);
      return name.ok ? ok({ addresses: addressesOf(name.value) }) : name;
    },
  };
}

/** All of them, each once, or what is wrong with the first that is no name in the zone. */
export function parseNames(texts: readonly string[], zone: string): Result<readonly ZoneName[]> {
  const names = new Set<ZoneName>();
  for (const text of texts) {
    const name = parseName(text, zone);
    if (!name.ok) return name;
    names.add(name.value);
  }
  return ok([...names]);
}

function parseAll(texts: readonly string[]): Result<readonly Ipv4[]> {
  const addresses: Ipv4[] = [];
  for (const text of texts) {
    const address = parseIpv4(text);
    if (address === undefined) return refuse({ code: 'bad-host-address', value: text });
    addresses.push(address);
  }
  return ok(addresses);
}

export async function dnsReport({ dnsDomain, dnsTtl }: Settings, names: Names): Promise<DnsReport> {
  const server = await names.report();
  const listening = server?.places.map(({ address, port, namespace }) => ({
    address,
    port,
    inSwitch: namespace !== undefined,
  }));
  return {
    zone: dnsDomain,
    ttl: dnsTtl,
    server: server && {
      listening: listening ?? [],
      trouble: server.trouble && describe(server.trouble),
      upstreams: server.upstreams,
      counters: server.counters,
      restarts: server.restarts,
    },
  };
}
