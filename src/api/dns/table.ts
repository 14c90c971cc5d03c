import { fromNumber, type Ipv4, toNumber } from '../../core/address.ts';
import type { NameRecord } from '../../ports/name-server.ts';
import { TYPE } from './message.ts';
import { isName, keyOf, recordBytes } from './records.ts';

/** What is known of one name. */
export interface Entry {
  /** Of its records; 0 where it has none and is only there because of names below it. */
  readonly type: number;
  /** One behind the other, all of one length, ready to be sent; their owner is the name of the question. */
  readonly records: Buffer;
  readonly count: number;
  /** Whether the name lies in the zone: where it holds nothing of a type, the zone's SOA record says so. */
  readonly zoned: boolean;
}

const NOTHING = Buffer.alloc(0);
const TERMINAL: Entry = { type: 0, records: NOTHING, count: 0, zoned: true };

/** Answers to what this host knows itself, kept by deltas: a change of one name leaves all others as they are. */
export class NameTable {
  readonly #suffix: string;
  readonly #zoneKey: string;
  readonly #ttl: number;
  readonly #template: Buffer;
  readonly #entries = new Map<string, Entry>();
  readonly #published = new Map<string, ReadonlySet<Ipv4>>();
  /** How many published names lie below a name. */
  readonly #below = new Map<string, number>();
  /** The names of each address. */
  readonly #names = new Map<Ipv4, Set<string>>();

  /** `zone` has no dot at its end. */
  constructor(zone: string, ttl: number) {
    this.#suffix = `.${zone}`;
    this.#zoneKey = keyOf(zone);
    this.#ttl = ttl;
    this.#template = recordBytes({ name: '', type: 'A', ttl, data: '0.0.0.0' });
    const data = {
      mname: zone,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: ttl,
    };
    const records = recordBytes({ name: '', type: 'SOA', ttl, data });
    this.#entries.set(this.#zoneKey, { type: TYPE.soa, records, count: 1, zoned: true });
  }

  get names(): number {
    return this.#published.size;
  }

  get addresses(): number {
    return this.#names.size;
  }

  /** The zone's SOA record, with a pointer to the zone's name for the owner in its first two bytes. */
  get authority(): Buffer {
    return this.#entries.get(this.#zoneKey)!.records;
  }

  /** The length of the zone's name in a message. */
  get zoneLength(): number {
    return this.#zoneKey.length;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Whether a name lies in the zone, known or not. */
  isZoned(key: string): boolean {
    return key.endsWith(this.#zoneKey);
  }

  /** Gives the names that can't be asked for: those are left out. */
  publish(records: readonly Pick<NameRecord, 'name' | 'addresses'>[]): readonly string[] {
    const unusable: string[] = [];
    for (const { name, addresses } of records) {
      if (name !== '' && isName(name + this.#suffix)) this.#set(name, new Set(addresses));
      else unusable.push(name);
    }
    return unusable;
  }

  #set(name: string, addresses: ReadonlySet<Ipv4>): void {
    const before = this.#published.get(name) ?? new Set<Ipv4>();
    if (addresses.size > 0) this.#published.set(name, addresses);
    else this.#published.delete(name);
    this.#setAddresses(name, addresses);
    if (before.size === 0 && addresses.size > 0) this.#countParents(name, 1);
    if (before.size > 0 && addresses.size === 0) this.#countParents(name, -1);
    for (const address of before) if (!addresses.has(address)) this.#unname(address, name);
    for (const address of addresses) if (!before.has(address)) this.#name(address, name);
  }

  #setAddresses(name: string, addresses: ReadonlySet<Ipv4>): void {
    const count = addresses.size;
    const key = keyOf(name + this.#suffix);
    const unqualified = name.includes('.') ? undefined : keyOf(name);
    if (count === 0) {
      if (this.#below.has(name)) this.#entries.set(key, TERMINAL);
      else this.#entries.delete(key);
      if (unqualified !== undefined) this.#entries.delete(unqualified);
      return;
    }
    const stride = this.#template.length;
    const records = Buffer.alloc(count * stride);
    let at = 0;
    for (const address of addresses) {
      records.set(this.#template, at);
      at += stride;
      records.writeUInt32BE(toNumber(address)!, at - 4);
    }
    this.#entries.set(key, { type: TYPE.a, records, count, zoned: true });
    if (unqualified !== undefined)
      this.#entries.set(unqualified, { type: TYPE.a, records, count, zoned: false });
  }

  /** A name between the zone and a published name is there, though it holds nothing (RFC 8020). */
  #countParents(name: string, by: number): void {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const parent = name.slice(dot + 1);
      const count = (this.#below.get(parent) ?? 0) + by;
      const key = keyOf(parent + this.#suffix);
      if (count > 0) this.#below.set(parent, count);
      else this.#below.delete(parent);
      if (this.#published.has(parent)) continue;
      if (count > 0) this.#entries.set(key, TERMINAL);
      else this.#entries.delete(key);
    }
  }

  #name(address: Ipv4, name: string): void {
    const names = this.#names.get(address) ?? new Set();
    this.#names.set(address, names.add(name));
    this.#setReverse(address, names);
  }

  #unname(address: Ipv4, name: string): void {
    const names = this.#names.get(address);
    if (names === undefined) return;
    names.delete(name);
    this.#setReverse(address, names);
  }

  /** Of several names of an address, the first in their order is its name. */
  #setReverse(address: Ipv4, names: ReadonlySet<string>): void {
    const key = keyOf(reverseName(address));
    let first: string | undefined;
    for (const name of names) if (first === undefined || name < first) first = name;
    if (first === undefined) {
      this.#names.delete(address);
      this.#entries.delete(key);
      return;
    }
    const records = recordBytes({ name: '', type: 'PTR', ttl: this.#ttl, data: first + this.#suffix });
    this.#entries.set(key, { type: TYPE.ptr, records, count: 1, zoned: false });
  }
}

/** `10.0.0.11` is asked for as `11.0.0.10.in-addr.arpa`. */
function reverseName(address: Ipv4): string {
  const number = toNumber(address)!;
  const turned =
    ((number & 0xff) << 24) | ((number & 0xff00) << 8) | ((number >>> 8) & 0xff00) | (number >>> 24);
  return `${fromNumber(turned >>> 0)}.in-addr.arpa`;
}
