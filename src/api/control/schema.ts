import { z } from 'zod';
import type { ControlCall } from './contract.ts';

/** The shapes of request bodies. What the values mean (is it an address?) is decided by who handles them. */

const container = z.string().min(1).max(4096);
const addresses = z.array(z.string().min(1).max(64)).min(1).max(256);
const peers = z.array(z.string().min(1).max(300)).max(1024);
const nothing = z.strictObject({});

export const BODIES = {
  health: nothing,
  report: nothing,
  dataplane: nothing,
  attach: z.strictObject({ container, addresses }),
  detach: z.strictObject({ container, addresses: addresses.optional() }),
  connect: z.strictObject({ peers, replace: z.boolean().optional() }),
  forget: z.strictObject({ peers: peers.min(1) }),
  leave: nothing,
  stop: nothing,
} satisfies { readonly [Call in ControlCall]: z.ZodType };
