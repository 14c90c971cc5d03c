import * as z from 'zod';

/** What engines send, as of Docker 20.10 to 29: what is not named here is of no use to the mesh, and ignored. */

/** Go writes an empty map or list as null. */
const texts = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform(value => value ?? {});
const text = z
  .string()
  .max(1_024)
  .nullish()
  .transform(value => value ?? '');
const id = z.string().regex(/^[\w.-]{1,128}$/, 'an id of up to 128 letters and digits');

const pool = z.object({ AddressSpace: text, Pool: text, Gateway: text, AuxAddresses: texts });
const pools = z
  .array(pool)
  .max(64)
  .nullish()
  .transform(value => value ?? []);

export const EMPTY = z.object({});
export const NETWORK = z.object({ NetworkID: id });
export const CREATE_NETWORK = z.object({
  NetworkID: id,
  Options: texts,
  IPv4Data: pools,
  IPv6Data: pools,
});
export const ENDPOINT = z.object({ NetworkID: id, EndpointID: id });
export const CREATE_ENDPOINT = z.object({
  NetworkID: id,
  EndpointID: id,
  Interface: z
    .object({ Address: text, AddressIPv6: text, MacAddress: text })
    .nullish()
    .transform(value => value ?? { Address: '', AddressIPv6: '', MacAddress: '' }),
  Options: texts,
});
export const JOIN = z.object({ NetworkID: id, EndpointID: id, SandboxKey: text });

export const REQUEST_POOL = z.object({
  Pool: text,
  SubPool: text,
  Options: texts,
  V6: z
    .boolean()
    .nullish()
    .transform(value => value ?? false),
});
export const RELEASE_POOL = z.object({ PoolID: z.string().max(64) });
export const REQUEST_ADDRESS = z.object({ PoolID: z.string().max(64), Address: text, Options: texts });
export const RELEASE_ADDRESS = z.object({ PoolID: z.string().max(64), Address: text });
