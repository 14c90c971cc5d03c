import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDockerNetworks, parseEvent } from '../../../../src/adapters/docker/networks.ts';
import { ok } from '../../../../src/core/errors.ts';
import type { ContainerNetworks, EngineNetworkEvent } from '../../../../src/ports/container-networks.ts';
import { type FakeEngine, startFakeEngine } from '../../../support/fake-engine.ts';
import { createFakeLog } from '../../../support/fake-log.ts';
import { EACH_RELEASE } from '../../../support/releases.ts';
import { until } from '../../../support/until.ts';

const PROD = {
  ...{ name: 'prod', driver: 'mesh', subnets: ['10.40.0.0/16'], range: '10.40.8.0/24', gateway: '10.40.0.1' },
  ...{ aux: { router: '10.40.0.2' }, internal: true, labels: { a: 'b' } },
  options: { 'mesh.network': 'prod' },
};

describe.each(EACH_RELEASE)('the networks of an engine, %s', release => {
  let engine: FakeEngine;
  let networks: ContainerNetworks;
  let stop: (() => void) | undefined;

  beforeEach(async () => {
    engine = await startFakeEngine(release);
    networks = createDockerNetworks(engine.address, createFakeLog());
  });
  afterEach(async () => {
    stop?.();
    stop = undefined;
    await engine.dispose();
  });

  it('are made with the addresses of a driver of the same name, and listed as far as it matters', async () => {
    engine.networks.create(
      { Name: 'none', Driver: 'null', IPAM: { Driver: 'default', Config: null } },
      release,
    );
    expect(await networks.create(PROD)).toEqual(ok(undefined));
    const config = { Subnet: '10.40.0.0/16', IPRange: '10.40.8.0/24', Gateway: '10.40.0.1' };
    expect(engine.bodies).toEqual([
      {
        ...{ Name: 'prod', CheckDuplicate: true, Driver: 'mesh', Internal: true, Labels: { a: 'b' } },
        Options: { 'mesh.network': 'prod' },
        IPAM: { Driver: 'mesh', Config: [{ ...config, AuxiliaryAddresses: { router: '10.40.0.2' } }] },
      },
    ]);
    const nothing = {
      range: undefined,
      gateway: undefined,
      aux: {},
      internal: false,
      labels: {},
      options: {},
    };
    expect(await networks.list()).toEqual(
      ok([
        {
          ...nothing,
          ...{ id: engine.networks.idOf('none'), name: 'none', driver: 'null', ipamDriver: 'default' },
          subnets: [],
        },
        { ...PROD, id: engine.networks.idOf('prod'), ipamDriver: 'mesh' },
      ]),
    );
  });

  it('are refused in the words of the engine, also a second one of the name; gone is removed', async () => {
    await networks.create(PROD);
    expect(await networks.create(PROD)).toMatchObject({
      problem: { code: 'network-refused', why: 'network with name prod already exists' },
    });
    expect(engine.networks.names()).toEqual(['prod']);
    const id = engine.networks.idOf('prod')!;
    engine.networks.join(id, 'ep-e1', { EndpointID: 'e1', IPv4Address: '' });
    expect(await networks.remove(id)).toMatchObject({
      problem: { code: 'network-refused', why: expect.stringContaining('prod has active endpoints') },
    });
    engine.networks.leave(id, 'ep-e1');
    for (let times = 0; times < 2; times += 1) expect(await networks.remove(id)).toEqual(ok(undefined));
    engine.answer('GET /networks', { status: 500 });
    expect(await networks.list()).toMatchObject({ problem: { code: 'network-refused', why: 'status 500' } });
  });

  it('tell of their beginning and end', async () => {
    const heard: EngineNetworkEvent[] = [];
    stop = networks.watch(event => heard.push(event));
    await until(
      async () => engine.followers() || undefined,
      () => 'nobody follows',
    );
    await networks.create(PROD);
    const id = engine.networks.idOf('prod')!;
    engine.put({ name: 'web' });
    engine.connect('web', { id, type: 'mesh' });
    engine.emitRaw('nonsense\n');
    await networks.remove(id);
    await until(
      async () => heard.length === 3 || undefined,
      () => JSON.stringify(heard),
    );
    expect(heard).toEqual([
      { kind: 'look-again' },
      { kind: 'created', id, name: 'prod' },
      { kind: 'removed', id, name: 'prod' },
    ]);
    expect(parseEvent('{}')).toBeUndefined();
  });
});
