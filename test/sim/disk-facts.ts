import { ByteReader } from '../../src/core/bytes.ts';
import { toObject } from '../../src/core/json.ts';
import { readHead } from '../../src/core/replica/encoding.ts';
import { decodeLedger } from '../../src/core/replica/storage.ts';
import { HOST_KEY, TOPOLOGY } from '../../src/core/topology/facts.ts';

export interface Attached {
  readonly network: string;
  readonly container: string;
  readonly addresses: readonly string[];
}

/** The highest own seq that a router which starts from this disk knows of. */
export function storedSeq(disk: ReadonlyMap<string, Uint8Array>): number {
  const head = disk.get('head');
  return head === undefined ? 0 : readHead(new ByteReader(head)).upto;
}

/** Whether it knows of a host beside its own that has not left. */
export function knowsOthers(disk: ReadonlyMap<string, Uint8Array>): boolean {
  for (const [key, bytes] of disk) {
    const stored = key.startsWith('replica/') ? decodeLedger(bytes) : undefined;
    if (stored?.entries.some(({ domain, key: of, value }) => domain === TOPOLOGY && of === HOST_KEY && value))
      return true;
  }
  return false;
}

/** What a router that starts from this disk takes for attached. */
export function attachedOn(disk: ReadonlyMap<string, Uint8Array>): readonly Attached[] {
  const attached: Attached[] = [];
  for (const [key, bytes] of disk) {
    const record = key.startsWith('attachment/') ? toObject(bytes) : undefined;
    if (record === undefined) continue;
    const addresses = (record['addresses'] as string[]).map(cidr => cidr.split('/')[0]!);
    attached.push({
      network: String(record['network']),
      container: String(record['container']),
      addresses,
    });
  }
  return attached;
}
