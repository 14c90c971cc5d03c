import { afterEach, describe, expect, it } from 'vitest';
import { type Cidr, parseCidr } from '../../../src/core/address.ts';
import { ok, type Result, refuse } from '../../../src/core/errors.ts';
import type { Command, Reply } from '../../../src/core/host/step.ts';
import type { Network } from '../../../src/core/networks/network.ts';
import { DockerNetworks } from '../../../src/daemon/docker-networks.ts';
import { createFakeNetworks, type FakeNetworks } from '../../support/fake-engine-networks.ts';
import { createFakeLog } from '../../support/fake-log.ts';
import { until } from '../../support/until.ts';

const subnet = (text: string): Cidr => parseCidr(text)!;
const network = (name: string, text: string, more: Partial<Network> = {}): Network => ({
  name,
  id: name,
  vni: 7,
  subnets: [subnet(text)],
  ...more,
});
const MESH = network('mesh', '10.32.0.0/13');
const PROD = network('prod', '10.40.0.0/16', { mtu: 1200 });

describe("the engine's networks", () => {
  const sync: DockerNetworks[] = [];
  afterEach(() => {
    for (const one of sync.splice(0)) one.stop();
  });

  function start(answer: (command: Command) => Result<Reply> = () => ok({ addresses: [], detached: [] })) {
    const networks = createFakeNetworks();
    const asked: Command[] = [];
    const log = createFakeLog();
    const one = new DockerNetworks({
      networks,
      driver: 'mesh',
      defaultName: 'mesh',
      multicastOption: 'mesh.multicast',
      log,
      async ask(command) {
        asked.push(command);
        const reply = answer(command);
        return reply;
      },
    });
    sync.push(one);
    return { networks, asked, log, one };
  }

  const has = (networks: FakeNetworks, ...names: string[]): Promise<unknown> =>
    until(
      async () => networks.names().join() === names.join() || undefined,
      () => `the engine has ${networks.names().join()}`,
    );

  it('are brought to those of the mesh, and follow them', async () => {
    const { networks, one } = start();
    networks.userCreates({ name: 'bridge', driver: 'bridge' });
    networks.userCreates({ name: 'old', options: { 'mesh.network': 'old' }, subnets: ['10.44.0.0/16'] });
    one.start();
    one.want([MESH, PROD]);
    await has(networks, 'bridge', 'mesh', 'prod');
    const made = [...networks.all.values()].find(({ name }) => name === 'prod')!;
    expect(made).toMatchObject({
      driver: 'mesh',
      ipamDriver: 'mesh',
      subnets: ['10.40.0.0/16'],
      options: { 'mesh.network': 'prod', 'com.docker.network.driver.mtu': '1200' },
    });
    expect(await one.isUnicast(made.id)).toBe(false);
    one.want([MESH]);
    await has(networks, 'bridge', 'mesh');
  });

  it('are left alone until the mesh has told what there is', async () => {
    const { networks, one } = start();
    networks.userCreates({ name: 'prod', options: { 'mesh.network': 'prod' }, subnets: ['10.40.0.0/16'] });
    one.start();
    await one.settled();
    expect(networks.names()).toEqual(['prod']);
  });

  it('are not made where the mesh has them no more by the time that the engine has told what it has', async () => {
    const { networks, one } = start();
    const made: string[] = [];
    networks.watch(event => event.kind === 'created' && made.push(event.name));
    one.want([MESH, PROD]);
    one.want([MESH]);
    await one.settled();
    expect(made).toEqual(['mesh']);
  });

  it('with another subnet are made anew', async () => {
    const { networks, one } = start();
    networks.userCreates({ name: 'prod', options: { 'mesh.network': 'prod' }, subnets: ['10.41.0.0/16'] });
    one.start();
    one.want([PROD]);
    await until(
      async () => [...networks.all.values()][0]?.subnets[0] === '10.40.0.0/16' || undefined,
      () => 'the old one is still there',
    );
    expect(networks.names()).toEqual(['prod']);
  });

  it('that a user makes are told to the mesh, or removed with the reason', async () => {
    const { networks, one, asked, log } = start(command =>
      command.kind === 'create-network' && command.network.name === 'bad'
        ? refuse({ code: 'subnet-outside', value: '10.0.0.0/16', range: '10.32.0.0/12' })
        : ok({ addresses: [], detached: [] }),
    );
    one.start();
    one.want([MESH]);
    await has(networks, 'mesh');
    networks.userCreates({
      name: 'prod',
      subnets: ['10.40.0.0/16'],
      gateway: '10.40.255.254',
      labels: { a: 'b' },
    });
    networks.userCreates({ name: 'bad', subnets: ['10.0.0.0/16'] });
    await has(networks, 'mesh', 'prod');
    const [id] = [...networks.all].find(([, { name }]) => name === 'prod')!;
    const wish = {
      name: 'prod',
      id: id.slice(0, 16),
      subnets: [subnet('10.40.0.0/16')],
      labels: { a: 'b' },
    };
    expect(asked).toContainEqual({ kind: 'create-network', network: wish });
    expect(log.lines.map(({ data }) => JSON.stringify(data)).join()).toMatch(
      /10\.0\.0\.0\/16 lies outside of 10\.32/,
    );
  });

  it('that a user made go with those of the mesh, also where they went while nobody watched', async () => {
    const { networks, one, asked } = start(command =>
      command.kind === 'create-network' && command.network.name === 'old'
        ? refuse({ code: 'network-removed', network: 'old' })
        : ok({ addresses: [], detached: [] }),
    );
    one.start();
    one.want([MESH, PROD]);
    networks.userCreates({ name: 'old', subnets: ['10.41.0.0/16'] });
    await has(networks, 'mesh', 'prod');
    networks.userRemoves('prod');
    networks.userCreates({ name: 'prod', subnets: ['10.40.0.0/16'] });
    await one.settled();
    const told = asked.length;
    one.want([MESH]);
    await has(networks, 'mesh');
    expect(asked).toHaveLength(told);
  });

  it('that a user removes are removed everywhere, or come back with the reason', async () => {
    const { networks, one, asked, log } = start(command =>
      command.kind === 'remove-network' && command.network === 'prod'
        ? refuse({ code: 'network-in-use', network: 'prod', holders: 'db on host2' })
        : ok({ addresses: [], detached: [] }),
    );
    one.start();
    const other = network('other', '10.41.0.0/16');
    one.want([MESH, PROD, other]);
    await has(networks, 'mesh', 'other', 'prod');
    networks.userRemoves('prod');
    await has(networks, 'mesh', 'other', 'prod');
    expect(log.lines.some(({ message }) => /is made again/.test(message))).toBe(true);
    networks.userRemoves('other');
    await until(
      async () => asked.some(one => one.kind === 'remove-network' && one.network === 'other') || undefined,
      () => 'the mesh is not told',
    );
    const told = asked.length;
    one.want([MESH, PROD]);
    await one.settled();
    expect(asked).toHaveLength(told);
  });

  it('that a user removes all at once are all removed, also those whose end is heard late', async () => {
    const { networks, one, asked } = start();
    one.start();
    const other = network('other', '10.41.0.0/16');
    one.want([MESH, PROD, other]);
    await has(networks, 'mesh', 'other', 'prod');
    const hear = networks.userRemovesUnheard('other');
    await one.settled();
    await has(networks, 'mesh', 'other', 'prod');
    hear();
    await until(
      async () => asked.some(one => one.kind === 'remove-network' && one.network === 'other') || undefined,
      () => 'the mesh is not told',
    );
  });

  it('of another driver are never touched: a name that is taken is said once', async () => {
    const { networks, one, log } = start();
    networks.userCreates({ name: 'prod', driver: 'bridge' });
    one.start();
    one.want([PROD]);
    await one.settled();
    await one.settled();
    expect([...networks.all.values()].map(({ driver }) => driver)).toEqual(['bridge']);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('are tried again where the engine refuses', async () => {
    const { networks, one, log } = start();
    networks.refusal = 'plugin "mesh" not found';
    one.start();
    one.want([MESH]);
    await one.settled();
    networks.refusal = undefined;
    await has(networks, 'mesh');
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
