import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { macFromNumber, macNumber } from '../../../../src/adapters/linux/bytes.ts';
import { type Change, describeChange, differences } from '../../../../src/adapters/linux/changes.ts';
import { emptyTables, type Tables, wantedTables } from '../../../../src/adapters/linux/tables.ts';
import { touchedBy, touchedEntries, touchedPart } from '../../../../src/adapters/linux/touched.ts';
import { fromNumber, type Ipv4, type Mac, type Vtep } from '../../../../src/core/address.ts';
import type { NetworkForwarding, Station } from '../../../../src/core/forwarding.ts';

const DEVICES = { bridge: 5, vxlan: 6 };
/** Few of each, so that they meet. */
const address = fc.integer({ min: 1, max: 12 }).map(number => fromNumber(0x0a000000 + number));
const mac = fc.integer({ min: 1, max: 9 }).map(macFromNumber);
const vtep: fc.Arbitrary<Vtep> = fc.record({
  address: fc.integer({ min: 1, max: 3 }).map(number => fromNumber(0xc0a83000 + number)),
  port: fc.constantFrom(6784, 7000),
});
const stations: fc.Arbitrary<Station[]> = fc.uniqueArray(fc.record({ address, mac, vtep }), {
  selector: station => station.address,
});
const flood = fc.uniqueArray(vtep, { selector: ({ address: of, port }) => `${of}:${port}` });
const ports = fc
  .dictionary(mac, fc.integer({ min: 10, max: 13 }))
  .map(found => new Map(Object.entries(found) as [Mac, number][]));

const network = (of: readonly Station[], to: readonly Vtep[]): NetworkForwarding => ({
  name: 'mesh',
  vni: 7,
  mtu: 1450,
  own: undefined,
  stations: of,
  flood: to,
});

function carryOut(tables: Tables, changes: readonly Change[]): Tables {
  for (const { table, key, wanted } of changes) {
    if (wanted === undefined) tables[table].delete(key);
    else tables[table].set(key, wanted);
  }
  return tables;
}

describe('tables', () => {
  test('the differences turn one into the other, and are none then', async () => {
    await fc.assert(
      fc.asyncProperty(stations, flood, stations, flood, ports, async (a, toA, b, toB, here) => {
        const held = await wantedTables(network(a, toA), DEVICES, new Map());
        const wanted = await wantedTables(network(b, toB), DEVICES, here);
        carryOut(held, await differences(held, wanted));
        expect(held).toEqual(wanted);
        expect(await differences(held, wanted)).toEqual([]);
      }),
    );
  });

  test('looking at what is touched alone comes to the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        stations,
        stations,
        stations,
        stations,
        flood,
        ports,
        async (same, a, b, end, to, here) => {
          const unique = (all: readonly Station[]): Station[] => [
            ...new Map(all.map(station => [station.address, station])).values(),
          ];
          const before = network(unique([...same, ...a, ...end]), []);
          const after = network(unique([...same, ...b, ...end]), to);
          const tables = await wantedTables(before, DEVICES, here);
          const touched = touchedBy(before.stations, after.stations)!;
          const touchedPorts = new Map([...here].filter(([of]) => touched.macs.has(of)));
          const part = await wantedTables(touchedPart(after, touched), DEVICES, touchedPorts);
          carryOut(tables, await differences(touchedEntries(tables, touched), part));
          expect(tables).toEqual(await wantedTables(after, DEVICES, here));
        },
      ),
    );
  });

  test('of one change among many, only it is touched', () => {
    const many = Array.from({ length: 5000 }, (_, index): Station => {
      const to = { address: '192.168.48.1' as Ipv4, port: 6784 };
      return { address: fromNumber(0x0a000000 + index), mac: macFromNumber(index), vtep: to };
    });
    const changed = many.map((station, index) =>
      index === 17 ? { ...station, mac: macFromNumber(99_999) } : station,
    );
    expect(touchedBy(many, changed)).toEqual({
      macs: new Set([macFromNumber(17), macFromNumber(99_999)]),
      addresses: new Set(['10.0.0.17']),
    });
    expect(touchedBy(many, [...many])).toEqual({ macs: new Set(), addresses: new Set() });
    expect(touchedBy(many, [])).toBeUndefined();
  });

  test('a container of this host is believed before a station', async () => {
    const station = {
      address: '10.0.0.1' as Ipv4,
      mac: macFromNumber(1),
      vtep: { address: '192.168.48.1' as Ipv4, port: 1 },
    };
    const tables = await wantedTables(network([station], []), DEVICES, new Map([[macFromNumber(1), 12]]));
    expect(tables.bridge).toEqual(new Map([[1, 12]]));
  });

  test('every change has a sentence with the address or MAC that it is about', async () => {
    await fc.assert(
      fc.asyncProperty(stations, flood, async (of, to) => {
        const wanted = await wantedTables(network(of, to), DEVICES, new Map());
        for (const change of [
          ...(await differences(emptyTables(), wanted)),
          ...(await differences(wanted, emptyTables())),
        ]) {
          expect(describeChange('mesh', change)).toMatch(
            /^network mesh: .*(\d+\.\d+\.\d+\.\d+|([0-9a-f]{2}:){5}[0-9a-f]{2}).*; (restored|removed)$/,
          );
        }
      }),
    );
  });

  test('MACs keep what they are as numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), number => {
        expect(macFromNumber(number)).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        expect(macNumber(macFromNumber(number))).toBe(number);
      }),
    );
  });
});
