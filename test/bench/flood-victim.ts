/**
 * A router's transport that tells how it fares. usage: flood-victim.ts HOST:PORT; each line that it reads is answered by one
 * with the heap (bytes, after a collection) and the longest stall of its event loop since the last (ms).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createLibp2pTransport } from '../../src/adapters/libp2p/transport.ts';
import { createFakeLog } from '../support/fake-log.ts';
import { newIdentity } from '../support/raw-peer.ts';

const [host, port] = (process.argv[2] ?? '').split(':');
const transport = await createLibp2pTransport({
  ...{ identity: newIdentity(), host, port: Number(port), advertise: `${host}:${port}` },
  ...{ password: undefined, trusted: [], log: createFakeLog() },
});
await transport.start(() => {});
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const RESOLUTION_MS = 5;
const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
lag.enable();
createInterface(process.stdin).on('line', () => {
  const stall = Math.max(0, lag.max / 1e6 - RESOLUTION_MS);
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  console.log(JSON.stringify({ stall, heap: heapUsed + arrayBuffers }));
  lag.reset();
});
console.log('ready');
