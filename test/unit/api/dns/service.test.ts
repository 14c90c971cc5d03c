import { expect, it, onTestFinished } from 'vitest';
import { createSockets } from '../../../../src/adapters/linux/sockets.ts';
import { DnsService } from '../../../../src/api/dns/service.ts';
import { type Ipv4, toNumber } from '../../../../src/core/address.ts';
import { ok } from '../../../../src/core/errors.ts';
import type { Answerer } from '../../../../src/ports/sockets.ts';
import { questionBytes } from '../../../support/dns/ask.ts';

const source = (address: string) => ({ address: toNumber(address as Ipv4)!, port: 5_353 });

/** The service with datagrams by hand: no socket would carry as many. */
function serve() {
  let answer: Answerer = () => 0;
  const service = new DnsService(
    { zone: 'mesh.internal.', ttl: 1, resolvConf: '/nowhere' },
    {
      ...createSockets(),
      datagrams: (_place, answerer) => {
        answer = answerer;
        return ok({ send: () => undefined, close: () => undefined });
      },
    },
  );
  onTestFinished(() => service.close());
  service.open();
  const allowed = [{ address: '10.0.0.0' as Ipv4, prefix: 8 }];
  const place = { address: '127.0.0.1' as Ipv4, port: 0, namespace: undefined, network: undefined, allowed };
  expect(service.listen([place])).toEqual(ok(undefined));
  const question = questionBytes('box1.mesh.internal');
  const into = Buffer.alloc(4_096);
  return { service, ask: (from: string) => answer(question, source(from), into) };
}

it('one that asks too much is not answered for a moment, and the others are', () => {
  const { service, ask } = serve();
  expect(ask('10.0.0.11')).toBeGreaterThan(0);
  // More than it gets back in the time that this takes.
  for (let asked = 0; asked < 1_000 && service.report().counters.limited === 0; asked++)
    for (let more = 0; more < 1_000; more++) ask('10.0.0.11');
  expect(service.report().counters.limited).toBeGreaterThan(0);
  expect(ask('10.0.0.12')).toBeGreaterThan(0);
});
