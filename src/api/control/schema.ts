import * as z from 'zod';
import { isObject } from '../../core/json.ts';
import { SUBNETS_MAX } from '../../core/networks/fact.ts';
import type { ControlCall } from './contract.ts';
import type { Parameters } from './path.ts';

/** The shapes of requests: what is in the path, and the body. What the values mean (is it an address?) is decided by who handles them. */

const container = z.string().min(1).max(4096);
const peers = z.array(z.string().min(1).max(300)).max(1024);
const owner = z.string().min(1).max(512);
const address = z.string().min(1).max(64);
const addresses = z.array(address).max(256);
const name = z.string().min(1).max(512);
const names = z.array(name).max(64);
const network = z.string().max(256);
const naming = z.strictObject({
  container: container.optional(),
  network: network.optional(),
  addresses: addresses.optional(),
  names: names.optional(),
});
const texts = z.record(z.string().max(256), z.string().max(1024));
const checkAlive = z.union([z.boolean(), z.stringbool()]).optional();
const nothing = z.strictObject({});

const REQUESTS = {
  health: nothing,
  report: nothing,
  dataplane: nothing,
  attach: z.strictObject({
    container,
    network: network.optional(),
    addresses,
    subnets: addresses.optional(),
    names: names.optional(),
    withoutDns: z.boolean().optional(),
    withoutMulticast: z.boolean().optional(),
  }),
  detach: z.strictObject({ container, network: network.optional(), addresses: addresses.min(1).optional() }),
  expose: z.strictObject({
    addresses: addresses.optional(),
    subnets: addresses.optional(),
    names: names.optional(),
    masquerade: z.boolean().optional(),
  }),
  hide: z.strictObject({ addresses: addresses.min(1).optional() }),
  allocate: z.strictObject({ owner, subnet: address.optional(), checkAlive }),
  claim: z.strictObject({ owner, address, checkAlive }),
  release: z.strictObject({ owner, address: address.optional() }),
  held: z.strictObject({ owner, subnet: address.optional() }),
  owned: nothing,
  prime: nothing,
  name: naming,
  unname: naming,
  lookup: z.strictObject({ name }),
  dns: nothing,
  proxy: nothing,
  connect: z.strictObject({ peers, replace: z.boolean().optional() }),
  forget: z.strictObject({ peers: peers.min(1) }),
  rmpeer: z.strictObject({ peers: peers.min(1), force: z.boolean().optional() }),
  repair: z.strictObject({ dryRun: z.boolean().optional() }),
  createNetwork: z.strictObject({
    name: network,
    subnets: addresses.max(SUBNETS_MAX).optional(),
    range: address.optional(),
    gateway: address.optional(),
    aux: texts.optional(),
    mtu: z.number().int().optional(),
    internal: z.boolean().optional(),
    encrypted: z.boolean().optional(),
    labels: texts.optional(),
  }),
  removeNetwork: z.strictObject({ name: network }),
  leave: nothing,
  stop: nothing,
} satisfies { readonly [Call in ControlCall]: z.ZodType };

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

/** A request as its call takes it, or what is wrong with it, in one line. */
export function parseRequest(name: ControlCall, text: string, parameters: Parameters = {}): Parsed {
  let json: unknown;
  try {
    json = text === '' ? {} : JSON.parse(text);
  } catch {
    return { ok: false, why: 'the body is not JSON' };
  }
  const parsed = REQUESTS[name].safeParse(isObject(json) ? { ...json, ...parameters } : json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [first] = parsed.error.issues;
  const why = `${first?.path.join('.') || 'body'}: ${first?.message}`;
  // It quotes keys of the body, whatever is in them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is left out
  return { ok: false, why: why.replace(/[\u0000-\u001f\u007f]+/g, ' ') };
}
