import {
  type Cidr,
  type Ipv4,
  networkAddress,
  networkMask,
  parseIpv4,
  type Vtep,
} from '../../../core/address.ts';
import { ok, type Result } from '../../../core/errors.ts';
import type { Relay } from '../../../core/forwarding.ts';
import type { InSwitch } from '../parts.ts';
import { type Element, join, mapElement, splitMapElement } from './elements.ts';
import type { Count } from './nfnetlink.ts';
import { type Control, hostRuleset, type Ruleset } from './ruleset.ts';
import { type Change, openTable, type Table } from './table.ts';

/** Keeps strangers from the data port. */
export interface HostGuard {
  /** Where the kernel can't relay, it is guarded without that. */
  guard(local: Vtep): Promise<Result<{ readonly relays: boolean }>>;
  setRelays(relays: readonly Relay[]): void;
  relays(): readonly Relay[];
  setPeers(addresses: readonly Ipv4[]): void;
  masquerade(subnets: readonly Cidr[]): Promise<Result<void>>;
  counts(): ReadonlyMap<string, Count>;
  audit(): Promise<Result<readonly string[]>>;
  remove(): void;
  close(): void;
}

/** Removing the table needs its name only, whatever port it guards. */
const ANY_PORT = 0;

/** `inHost` leads to the namespace of the host; `control` is kept from containers. */
export function createHostGuard(inHost: InSwitch, control?: Control): HostGuard {
  let table: Table | undefined;

  let canRelay = false;

  const close = (): void => {
    table?.close();
    table = undefined;
  };

  const open = async (ruleset: Ruleset): Promise<Result<void>> => {
    close();
    const opened = openTable(ruleset, inHost, held => held);
    if (!opened.ok) return opened;
    table = opened.value;
    canRelay = ruleset.maps !== undefined;
    return table.load();
  };

  return {
    guard: async ({ address, port }) => {
      const relaying = await open(hostRuleset(port, address, control));
      if (relaying.ok) return ok({ relays: true });
      if (relaying.problem.code !== 'kernel-lacks') return relaying;
      const plain = await open(hostRuleset(port, undefined, control));
      return plain.ok ? ok({ relays: false }) : plain;
    },
    setRelays: relays => {
      if (table === undefined) throw new Error('the host relays when it is guarded');
      if (!canRelay && relays.length === 0) return;
      table.change([
        changeTo(
          'relay_hosts',
          table,
          relays.map(({ port, to }) => mapElement(`${port}`, to.address)),
        ),
        changeTo(
          'relay_ports',
          table,
          relays.map(({ port, to }) => mapElement(`${port}`, `${to.port}`)),
        ),
      ]);
    },
    relays: () => (table === undefined || !canRelay ? [] : relaysIn(table)),
    setPeers: addresses => {
      if (table === undefined) throw new Error('peers can be set when the host is guarded');
      table.change([changeTo('peers', table, addresses)]);
    },
    masquerade: async subnets => {
      if (table === undefined && subnets.length === 0) return ok(undefined);
      if (table === undefined) throw new Error('the host translates when it is guarded');
      const wanted = [...new Set(subnets.map(cidr => join(networkAddress(cidr), networkMask(cidr))))].sort();
      if (wanted.join() === [...table.wanted('masqueraded')].sort().join()) return ok(undefined);
      return table.rewrite('masqueraded', wanted);
    },
    counts: () => table?.counts() ?? new Map(),
    audit: async () => (await table?.audit()) ?? ok([]),
    remove: () => {
      if (table === undefined) {
        const opened = openTable(hostRuleset(ANY_PORT), inHost, held => held);
        if (!opened.ok) return;
        table = opened.value;
      }
      table.remove();
      close();
    },
    close,
  };
}

/** What makes a set hold these elements and no others. */
function changeTo(set: string, table: Table, elements: readonly Element[]): Change {
  const before = table.wanted(set);
  const after = new Set(elements);
  return {
    set,
    add: [...after].filter(element => !before.has(element)),
    remove: [...before].filter(element => !after.has(element)),
  };
}

function relaysIn(table: Table): readonly Relay[] {
  const ports = new Map([...table.wanted('relay_ports')].map(splitMapElement));
  const relays = [...table.wanted('relay_hosts')].flatMap((element): readonly Relay[] => {
    const [key, host] = splitMapElement(element);
    const address = parseIpv4(host);
    const port = ports.get(key);
    return address === undefined || port === undefined
      ? []
      : [{ port: Number(key), to: { address, port: Number(port) } }];
  });
  return relays.sort((a, b) => a.port - b.port);
}
