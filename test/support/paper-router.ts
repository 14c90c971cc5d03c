/**
 * A router on paper: a real mind and a real transport, but the kernel and its containers are only data. For meshes with
 * more endpoints than one machine can have containers. Attaches so many and stays until it is ended.
 *
 * usage: paper-router.ts ADDRESS COUNT FIRST PEER    ADDRESS: this host's; FIRST: what lies before the first address
 */

import { randomInt, randomUUID } from 'node:crypto';
import { createVerifier, makeIdentity, openIdentity } from '../../src/adapters/libp2p/identity.ts';
import { createLibp2pTransport } from '../../src/adapters/libp2p/transport.ts';
import { fromNumber, type Ipv4, toNumber } from '../../src/core/address.ts';
import { ok } from '../../src/core/errors.ts';
import type { HostConfig } from '../../src/core/host/step.ts';
import { Host } from '../../src/core/host.ts';
import { DEFAULT_NETWORK } from '../../src/core/networks/network.ts';
import { systemClock } from '../../src/daemon/clock.ts';
import { hash } from '../../src/daemon/identity.ts';
import { Loop } from '../../src/daemon/loop.ts';
import type { Dataplane } from '../../src/ports/dataplane.ts';
import { createFakeLog } from './fake-log.ts';
import { createFakeDisk } from './fake-store.ts';

const PORT = 6783;
const UNDERLAY_MTU = 1500;
const BATCH = 100;

const [address, count, first, peer] = process.argv.slice(2);
const vtep = { address: address as Ipv4, port: 6784 };
const identity = openIdentity(await makeIdentity());
if (!identity.ok) throw new Error('no identity could be made');
const config: HostConfig = {
  self: identity.value.id,
  crypto: { hash, sign: identity.value.sign, verify: createVerifier() },
  version: 'paper',
  name: undefined,
  nickname: `paper-${address}`,
  advertise: [`${address}:${PORT}`],
  listen: `${address}:${PORT}`,
  vtep,
  relays: false,
  underlayMtu: UNDERLAY_MTU,
  mtu: undefined,
  password: false,
  discovery: true,
  zone: 'mesh.internal',
  ipam: undefined,
  device: 'ethmesh',
  legDevice: 'mesh',
  targets: [`${peer}:${PORT}`],
  boot: randomUUID(),
  launchId: '',
  seed: randomInt(2 ** 47),
  records: new Map(),
};
/** A kernel that takes everything and does nothing. */
const dataplane: Dataplane = {
  start: async () => ok({ underlayMtu: UNDERLAY_MTU, relays: false }),
  apply: async () => ok(undefined),
  audit: async () => [],
  plumb: async () => ok(undefined),
  unplumb: async () => undefined,
  inspect: async () => ({ forwarding: { peers: [], networks: [] }, attachments: [] }),
  probe: async () => ({ alive: false, rttMs: 0 }),
  traffic: async () => [],
  close: async () => undefined,
  remove: async () => undefined,
};
const log = createFakeLog();
const store = createFakeDisk().open();
await store.load();
const transport = await createLibp2pTransport({
  identity: identity.value,
  port: PORT,
  host: vtep.address,
  advertise: `${address}:${PORT}`,
  password: undefined,
  trusted: [],
  log,
});
const host = new Host(config);
const loop = new Loop(host, {
  clock: systemClock,
  transport,
  dataplane,
  store,
  log,
  follow: () => undefined,
  publish: () => {},
  forwarded: () => {},
  networks: () => {},
  memberships: () => {},
  halt: problem => {
    throw new Error(problem.code);
  },
});
await transport.start(event => loop.deliver(event));
loop.deliver({ kind: 'adopted', ...(await dataplane.inspect()) });

async function attach(index: number): Promise<void> {
  const reply = await loop.ask({
    kind: 'attach',
    container: { id: `paper${index}`, name: `paper${index}`, sandbox: `/paper/${index}` },
    network: DEFAULT_NETWORK.name,
    addresses: [{ address: fromNumber(toNumber(first!)! + index), prefix: 16 }],
  });
  if (!reply.ok) throw new Error(`endpoint ${index}: ${reply.problem.code}`);
}

for (let done = 0; done < Number(count); done += BATCH) {
  const size = Math.min(BATCH, Number(count) - done);
  await Promise.all(Array.from({ length: size }, (_, index) => attach(done + index + 1)));
  // Others have to be told as well.
  await new Promise(setImmediate);
}
