import { describe, expect, it } from 'vitest';
import type { Ipv4 } from '../../../src/core/address.ts';
import { ok, refuse } from '../../../src/core/errors.ts';
import type { EndpointCommand } from '../../../src/core/host/handed.ts';
import { Comparison } from '../../../src/daemon/comparison.ts';
import { ask, cidr, three } from '../../support/address-mesh.ts';
import { createFakeLog } from '../../support/fake-log.ts';

const ip = (text: string): Ipv4 => text as Ipv4;
const id = (number: number): string => `${number}`.padStart(64, 'e');

/** A host in virtual time, and what its engine says that it has. */
function world() {
  const { mesh, a } = three();
  const engine = { reached: true, endpoints: [] as { id: string; address: string }[] };
  const command = async (asked: EndpointCommand) => ask(mesh, a, asked);
  const make = () =>
    new Comparison({
      ask: command,
      allocations: () => a.host.allocations,
      log: createFakeLog(),
      engine: {
        list: async () =>
          engine.reached
            ? ok(engine.endpoints)
            : refuse({ code: 'docker-unreachable', address: 'unix:///x', why: 'x' }),
      },
    });
  const reserve = (address: string) =>
    ask(mesh, a, {
      kind: 'reserve-address',
      subnet: cidr('10.32.0.0/24'),
      address: ip(address),
      gateway: false,
    });
  const create = (endpoint: string, address: string) =>
    ask(mesh, a, { kind: 'create-endpoint', endpoint, address: cidr(`${address}/24`), mac: undefined });
  const left = () => a.host.allocations.map(({ cidr: { address } }) => address);
  return { mesh, a, engine, make, reserve, create, left };
}

describe('what an engine does not know of', () => {
  it('is let go when it is missed twice: the first time it may be on its way', async () => {
    const { engine, make, reserve, create, left } = world();
    const comparison = make();
    for (const address of ['10.32.0.7', '10.32.0.8', '10.32.0.9']) reserve(address);
    create(id(8), '10.32.0.8');
    create(id(9), '10.32.0.9');
    engine.endpoints = [{ id: id(9), address: '10.32.0.9' }];
    await comparison.compare();
    expect(left()).toEqual(['10.32.0.7', '10.32.0.8', '10.32.0.9']);
    await comparison.compare();
    expect(left()).toEqual(['10.32.0.9']);
  });

  it('stays, where it came between two looks, or while the engine does not answer', async () => {
    const { engine, make, reserve, create, left } = world();
    const comparison = make();
    reserve('10.32.0.7');
    await comparison.compare();
    create(id(7), '10.32.0.7');
    await comparison.compare();
    expect(left()).toEqual(['10.32.0.7']);
    engine.reached = false;
    for (let time = 0; time < 5; time += 1) await comparison.compare();
    expect(left()).toEqual(['10.32.0.7']);
  });

  it('is let go at once where an earlier router had given it out', async () => {
    const { mesh, a, engine, make, reserve, create, left } = world();
    for (const number of [7, 8, 9]) {
      reserve(`10.32.0.${number}`);
      create(id(number), `10.32.0.${number}`);
    }
    reserve('10.32.0.10');
    mesh.kill(a);
    // The container of this one has ended meanwhile.
    a.plumbed.delete(`mesh/endpoint:${id(8)}`);
    mesh.restart(a);
    const comparison = make();
    mesh.run(4_000);
    engine.endpoints = [{ id: id(9), address: '10.32.0.9' }];
    await comparison.compare();
    expect(left()).toEqual(['10.32.0.9']);
    expect([...a.plumbed.keys()]).toEqual([`mesh/endpoint:${id(9)}`]);
  });

  it('is let go at once where somebody else wants its address', async () => {
    const { make, reserve, create, left } = world();
    const comparison = make();
    for (const number of [7, 8]) create(id(number), `10.32.0.${number}`);
    expect(reserve('10.32.0.7')).toMatchObject({ problem: { code: 'address-taken' } });
    await comparison.compare(ip('10.32.0.7'));
    expect(left()).toEqual(['10.32.0.8']);
    expect(reserve('10.32.0.7')).toMatchObject({ ok: true });
  });
});
