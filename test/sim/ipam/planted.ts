import type { PlantedFault } from '../faults/planted.ts';

const ADDRESSING = 'src/core/host/addressing.ts';
const PROVISION = 'src/core/host/provision.ts';

/** Mistakes with addresses that would be easy to make, each of which the campaign for addresses has to find. */
export const ADDRESS_FAULTS: readonly PlantedFault[] = [
  {
    name: 'grant before persist',
    edits: [
      {
        file: 'src/core/host.ts',
        from: 'this.#durability.wrote(written);\n    this.#spread.tell(written.delta);\n    for',
        to: 'this.#spread.tell(written.delta);\n    this.#durability.wrote(written);\n    for',
      },
    ],
  },
  {
    name: 'promise not durable',
    // Two majorities of an odd number may have a single voter in common.
    hosts: 5,
    edits: [
      {
        file: 'src/core/host.ts',
        from: 'for (const change of this.#durability.restore()) this.#learn(change);',
        to: "for (const change of this.#durability.restore()) if (change.owner !== config.self || change.key !== 'vote') this.#learn(change);",
      },
    ],
  },
  {
    name: 'lost disk allocates at once',
    edits: [
      {
        file: 'src/core/host/durability.ts',
        from: 'return [...records.keys()].some(key => key.startsWith(OWN_PREFIX));',
        to: 'return true;',
      },
    ],
  },
  {
    name: 'removed peer not fenced',
    edits: [
      {
        file: 'src/core/host/stewardship.ts',
        from: 'if (this.#expulsion.review()) this.#giveUp();',
        to: 'this.#expulsion.review();',
      },
    ],
  },
  {
    name: 'quarantine skipped',
    edits: [
      {
        file: ADDRESSING,
        from: 'return since === undefined ? 0 : Math.max(0, since + this.#config.quarantineMs - this.#context.now());',
        to: 'return 0 * (since ?? 0);',
      },
    ],
  },
  {
    name: 'grant dropped with its message',
    edits: [
      {
        file: 'src/core/ipam/ledger.ts',
        from: 'const grants = own.grants.filter(grant => view.isOpen(self, grant));',
        to: 'const grants: readonly Grant[] = [];',
      },
    ],
  },
  {
    name: 'claim while a grant is under way',
    edits: [
      {
        file: ADDRESSING,
        from: 'const ranges = this.custodian.own?.ranges ?? [];\n    const isFree',
        to: 'const ranges = sizeOf(range) === 1 ? [...(this.custodian.own?.ranges ?? []), ...(this.custodian.own?.grants ?? [])] : (this.custodian.own?.ranges ?? []);\n    const isFree',
      },
    ],
  },
  {
    name: 'tie by arrival',
    edits: [
      {
        file: 'src/core/ipam/view.ts',
        from: 'b.version - a.version || compare(a.owner, b.owner);',
        to: 'b.version - a.version;',
      },
    ],
  },
  {
    name: 'range split off by one',
    edits: [
      {
        file: 'src/core/range.ts',
        from: 'const right = { ...range, start: gone.end };',
        to: 'const right = { ...range, start: gone.end + 1 };',
      },
    ],
  },
  {
    name: "free of another's address",
    edits: [
      {
        file: PROVISION,
        from: 'const unknown = command.addresses.find(address => addressing.ownerOf(address) !== owner);',
        to: 'const unknown = command.addresses.find(address => addressing.ownerOf(address) === undefined);',
      },
      {
        file: PROVISION,
        from: 'const gone = addressing.release(owner, true, only).map(({ address }) => address);',
        to: 'const gone = (only ?? [undefined]).flatMap(one => addressing.release((one && addressing.ownerOf(one)) ?? owner, true, one && [one])).map(({ address }) => address);',
      },
    ],
  },
  {
    name: 'stale snapshot revives a range',
    edits: [
      {
        file: 'src/core/replica/follower.ts',
        from: 'if (compareHeads(delta.head, this.ledger.head) <= 0) return false;\n',
        to: '',
      },
    ],
  },
  {
    name: 'seed mismatch accepted',
    edits: [
      {
        file: 'src/core/ipam/custody.ts',
        from: 'a === b || divisionKey(a) === divisionKey(b);',
        to: 'a === b || formatCidr(a.universe) === formatCidr(b.universe);',
      },
    ],
  },
];
