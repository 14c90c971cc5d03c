import { makeIdentity, openIdentity } from '../../src/adapters/libp2p/identity.ts';
import { createLibp2pTransport } from '../../src/adapters/libp2p/transport.ts';
import { createFakeLog } from './fake-log.ts';

/**
 * Dials the HOST:PORT given and prints the first event as JSON, with its own peer id: a router in a process, and
 * perhaps a namespace, of its own. Then ends, or stays until it is killed if the second argument is `stay`.
 */
const [target = '', then] = process.argv.slice(2);
const identity = openIdentity(makeIdentity());
if (!identity.ok) throw new Error(identity.problem.code);
const transport = await createLibp2pTransport({
  identity: identity.value,
  // The kernel chooses.
  port: 0,
  host: undefined,
  advertise: '192.0.2.1:6783',
  password: undefined,
  trusted: [],
  log: createFakeLog(),
});
await transport.start(event => {
  if (event.kind === 'message') return;
  process.stdout.write(JSON.stringify({ ...event, self: transport.self }));
  if (then !== 'stay') void transport.stop().then(() => process.exit());
});
transport.dial(target);
