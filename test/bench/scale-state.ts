import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import type { PeerId } from '../../src/core/address.ts';
import type { HostConfig } from '../../src/core/host/step.ts';
import { Host } from '../../src/core/host.ts';
import { fakeCrypto } from '../sim/fake-crypto.ts';

/** What a newcomer is told, and by whom. */
export interface Told {
  readonly config: Omit<HostConfig, 'crypto' | 'decode'>;
  readonly from: PeerId;
  readonly messages: readonly Uint8Array[];
}

/** What one router holds, in a heap that it has for itself: in bytes, and of how many owners. */
export interface State {
  readonly bytes: number;
  readonly owners: number;
}

const heap = (): number => {
  globalThis.gc!();
  const { external_memory: external, used_heap_size: used } = getHeapStatistics();
  return used + external;
};

const { config, from, messages } = workerData as Told;
const before = heap();
const host = new Host({ ...config, crypto: fakeCrypto(config.self) });
host.step({ kind: 'adopted', attachments: [], forwarding: { peers: [], networks: [] } }, 0);
host.step({ kind: 'peer-up', peer: from, address: '192.168.0.1:6783', outbound: false }, 0);
for (const bytes of messages) host.step({ kind: 'message', from, bytes }, 0);
host.forwarding();
const state: State = { bytes: heap() - before, owners: host.facts.owners().length };
parentPort!.postMessage(state);
