import { expect, test } from 'vitest';
import type { PeerId } from '../../src/core/address.ts';
import { createFakeNetwork } from '../support/fake-transport.ts';
import { createListeningRouter } from '../support/listening-router.ts';
import { transportContract } from './transport.contract.ts';

let ids = 0;
function identity(): PeerId {
  ids += 1;
  return `peer-${ids}` as PeerId;
}

const shared = createFakeNetwork();
transportContract('fake', {
  identity,
  open: async settings => shared.transport(settings),
  connections: async (a, b) => shared.connections(a.id, b.id),
});

async function two() {
  const network = createFakeNetwork();
  const routers = await Promise.all(
    ['one:1', 'two:1'].map(async address => {
      const router = createListeningRouter(network.transport({ id: identity(), address }), address);
      await router.start();
      return router;
    }),
  );
  return { network, a: routers[0]!, b: routers[1]! };
}

test('the fake can be cut and healed', async () => {
  const { network, a, b } = await two();
  a.transport.dial(b.address);
  await Promise.all([a.wait('peer-up'), b.wait('peer-up')]);
  network.cut(a.id, b.id);
  await Promise.all([a.wait('peer-down'), b.wait('peer-down')]);
  a.transport.dial(b.address);
  expect((await a.wait('dial-failed')).problem).toEqual({ code: 'peer-timeout', peer: b.address });
  network.heal();
  b.transport.dial(a.address);
  await Promise.all([a.wait('peer-up', 2), b.wait('peer-up', 2)]);
});

test('the fake can lose messages', async () => {
  const { network, a, b } = await two();
  a.transport.dial(b.address);
  await b.wait('peer-up');
  network.lose((from, _to, bytes) => from === a.id && bytes[0] === 0x78);
  a.transport.send(b.id, Buffer.from('x sent'));
  a.transport.broadcast(Buffer.from('x broadcast'));
  a.transport.send(b.id, Buffer.from('kept'));
  await b.wait('message');
  expect(b.texts()).toEqual(['kept']);
});
