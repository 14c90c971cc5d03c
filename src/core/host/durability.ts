import { compare, type PeerId } from '../address.ts';
import { encodeEntryRecord, encodeHeadRecord, joinRecords } from '../replica/records.ts';
import type { Change, Written } from '../replica.ts';
import { ALLOCATION_PREFIX } from './allocation.ts';
import type { Context } from './context.ts';
import { KEEPER_PREFIX } from './keepers.ts';
import type { HostConfig } from './step.ts';

/** What others wrote is stored together, so long after the first of it came. */
const SAVE_MS = 1_000;

const OWN_PREFIX = 'own/';
/** The key of the record that holds an own fact. */
export const ownRecord = (domain: string, key: string): string => `${OWN_PREFIX}${domain}/${key}`;
const HEAD_RECORD = 'head';
const LEFT_RECORD = 'left';
const REPLICA_PREFIX = 'replica/';

export interface Durability {
  /** Takes what the store held into the replica; gives what the views have to learn. */
  restore(): readonly Change[];
  /** Makes own facts durable: only what changed is written. */
  wrote(written: Written): void;
  /** Others' facts are stored too, in time: they can be had again, so nothing waits for them. */
  learnt(changes: readonly Change[]): void;
  /** Stores what waits to be stored: the router ends. */
  flush(): void;
}

/** Own facts are a record each, with the head in another; what is known of another host is one record. */
export function createDurability(context: Context): Durability {
  const { agenda, config, emit, replica } = context;
  const unsaved = new Set<PeerId>();

  function save(kind: 'save' | 'persist'): void {
    const records = recordsOf(context, unsaved);
    unsaved.clear();
    if (records.size > 0) emit({ kind, records });
  }

  return {
    restore() {
      const own = storedOwn(config);
      const others = [...config.records]
        .filter(([key]) => key.startsWith(REPLICA_PREFIX))
        .sort(([a], [b]) => compare(a, b))
        .map(([, bytes]) => bytes);
      return [...(own === undefined ? [] : [own]), ...others].flatMap(bytes => replica.restore(bytes) ?? []);
    },
    wrote({ delta, changes }) {
      const records = new Map<string, Uint8Array | undefined>();
      for (const { domain, key, now } of changes) {
        records.set(ownRecord(domain, key), now && encodeEntryRecord(now));
      }
      records.set(HEAD_RECORD, encodeHeadRecord(delta.head));
      emit({ kind: 'persist', records });
    },
    flush: () => save('persist'),
    learnt(changes) {
      for (const { owner } of changes) unsaved.add(owner);
      if (unsaved.size > 0) agenda.plan('save', context.now() + SAVE_MS, () => save('save'));
    },
  };
}

function recordsOf({ replica }: Context, owners: Iterable<PeerId>): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  for (const owner of owners) {
    const bytes = replica.export(owner);
    if (bytes !== undefined) records.set(REPLICA_PREFIX + owner, bytes);
  }
  return records;
}

/** Written with the last word of a host that leaves: who starts from this store is somebody else. */
export const lastWord = (): ReadonlyMap<string, Uint8Array> => new Map([[LEFT_RECORD, new Uint8Array(0)]]);

export const hasLeft = (records: HostConfig['records']): boolean => records.has(LEFT_RECORD);

/** Whether the store holds something that this host has told the others and not taken back. */
export function hasOwnFacts(records: HostConfig['records']): boolean {
  if (hasLeft(records)) return false;
  return [...records.keys()].some(key => key.startsWith(OWN_PREFIX));
}

/** The keys of what others have said: they say it again. */
export const othersRecords = (records: HostConfig['records']): readonly string[] =>
  [...records.keys()].filter(key => key.startsWith(REPLICA_PREFIX));

/** The keys of what only one identity stands by: what it has said, and what it gave out of its own. */
export const personalRecords = (records: HostConfig['records']): readonly string[] =>
  [...records.keys()].filter(
    key =>
      key === HEAD_RECORD ||
      [OWN_PREFIX, ALLOCATION_PREFIX, KEEPER_PREFIX].some(prefix => key.startsWith(prefix)),
  );

/** The own facts of an earlier run, put together again. */
function storedOwn({ records, self }: HostConfig): Uint8Array | undefined {
  const head = records.get(HEAD_RECORD);
  const own = [...records].filter(([key]) => key.startsWith(OWN_PREFIX)).map(([, bytes]) => bytes);
  return head === undefined ? undefined : joinRecords(self, head, own);
}
