import { z } from 'zod';
import type { ControlCall } from './contract.ts';

/** The shapes of request bodies. What the values mean (is it an address?) is decided by who handles them. */

const container = z.string().min(1).max(4096);
const addresses = z.array(z.string().min(1).max(64)).max(256);
const peers = z.array(z.string().min(1).max(300)).max(1024);
const nothing = z.strictObject({});

const BODIES = {
  health: nothing,
  report: nothing,
  dataplane: nothing,
  attach: z.strictObject({ container, addresses, subnets: addresses.optional() }),
  detach: z.strictObject({ container, addresses: addresses.min(1).optional() }),
  connect: z.strictObject({ peers, replace: z.boolean().optional() }),
  forget: z.strictObject({ peers: peers.min(1) }),
  leave: nothing,
  stop: nothing,
} satisfies { readonly [Call in ControlCall]: z.ZodType };

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

/** The body of a request as its call takes it, or what is wrong with it, in one line. */
export function parseBody(name: ControlCall, text: string): Parsed {
  let json: unknown;
  try {
    json = text === '' ? {} : JSON.parse(text);
  } catch {
    return { ok: false, why: 'the body is not JSON' };
  }
  const parsed = BODIES[name].safeParse(json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [first] = parsed.error.issues;
  const why = `${first?.path.join('.') || 'body'}: ${first?.message}`;
  // It quotes keys of the body, whatever is in them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  return { ok: false, why: why.replace(/[\u0000-\u001f\u007f]+/g, ' ') };
}
