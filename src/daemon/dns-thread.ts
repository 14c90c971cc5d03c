import { parentPort, workerData } from 'node:worker_threads';
import { createSockets } from '../adapters/linux/sockets.ts';
import type { ServiceOptions } from '../api/dns/service.ts';
import { runDnsThread } from '../api/dns/thread.ts';

/** What the thread of the DNS server runs first: a bundle of its own, beside the router's. */
if (parentPort !== null) runDnsThread(parentPort, workerData as ServiceOptions, createSockets());
