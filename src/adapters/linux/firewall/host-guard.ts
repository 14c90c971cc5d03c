import { type Cidr, type Ipv4, networkAddress, networkMask } from '../../../core/address.ts';
import { ok, type Result } from '../../../core/errors.ts';
import type { InSwitch } from '../parts.ts';
import { join } from './elements.ts';
import type { Count } from './nfnetlink.ts';
import { hostRuleset } from './ruleset.ts';
import { openTable, type Table } from './table.ts';

/** Keeps strangers from the data port. */
export interface HostGuard {
  guard(dataPort: number): Promise<Result<void>>;
  setPeers(addresses: readonly Ipv4[]): void;
  masquerade(subnets: readonly Cidr[]): Promise<Result<void>>;
  counts(): ReadonlyMap<string, Count>;
  audit(): Promise<Result<readonly string[]>>;
  remove(): void;
  close(): void;
}

/** Removing the table needs its name only, whatever port it guards. */
const ANY_PORT = 0;

/** `inHost` leads to the namespace of the host. */
export function createHostGuard(inHost: InSwitch): HostGuard {
  let table: Table | undefined;

  const close = (): void => {
    table?.close();
    table = undefined;
  };

  return {
    guard: async dataPort => {
      close();
      const opened = openTable(hostRuleset(dataPort), inHost, held => held);
      if (!opened.ok) return opened;
      table = opened.value;
      return table.load();
    },
    setPeers: addresses => {
      if (table === undefined) throw new Error('peers can be set when the host is guarded');
      const before = table.wanted('peers');
      const after: ReadonlySet<string> = new Set(addresses);
      const add = [...after].filter(address => !before.has(address));
      const remove = [...before].filter(address => !after.has(address));
      table.change([{ set: 'peers', add, remove }]);
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
