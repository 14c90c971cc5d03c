import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadStart } from '../adapters/linux/sleeve/peers.ts';
import { runSleeveThread } from '../adapters/linux/sleeve/thread.ts';

/** What a thread that carries frames runs first: a bundle of its own, beside the router's. */
if (parentPort !== null) runSleeveThread(parentPort, workerData as ThreadStart);
