import type { NetlinkSocket } from './netlink/socket.ts';
import { scanForwarding, scanNeighbours } from './rtnetlink/neighbours.ts';
import { keyIn, TABLES, type Tables, tableOf, valueIn } from './tables.ts';

/**
 * Whether the kernel holds these tables (by their bridge) and nothing else. Entries are looked at while they pass and not
 * kept, since there may be tens of thousands and nearly always nothing is wrong; what is wrong, a full reading
 * tells. `bridges` and `dataPort` are as for `sortTables`.
 */
export async function agrees(
  socket: NetlinkSocket,
  tables: ReadonlyMap<number, Tables>,
  bridges: ReadonlyMap<number, number>,
  dataPort: number,
): Promise<boolean> {
  let missing = 0;
  for (const wanted of tables.values()) for (const name of TABLES) missing += wanted[name].size;
  let differs = false;
  // The kernel shows none twice, but for the VXLAN device's, of which at most one is as it is wanted.
  const compare = (wanted: number | undefined, found: number): void => {
    if (wanted === found) missing -= 1;
    else differs = true;
  };
  const isForwardingStable = await scanForwarding(socket, entry => {
    const held = tables.get(bridges.get(entry.link) ?? 0);
    if (held !== undefined)
      compare(held[tableOf(entry)].get(keyIn(entry, dataPort)), valueIn(entry, dataPort));
  });
  if (!isForwardingStable || differs) return false;
  const areNeighboursStable = await scanNeighbours(socket, ({ link, address, mac }) => {
    const held = tables.get(link);
    if (held !== undefined) compare(held.neighbours.get(address), mac);
  });
  return areNeighboursStable && !differs && missing === 0;
}
