import { ByteReader } from '../../src/core/bytes.ts';
import { toObject } from '../../src/core/json.ts';
import { readHead } from '../../src/core/replica/encoding.ts';

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
