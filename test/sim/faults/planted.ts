/** One change of a source file: `from` must be there exactly once, so that a fault can't be lost by moving code. */
interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface PlantedFault {
  readonly name: string;
  /** Given where it shows in meshes of one size only; drawn otherwise. */
  readonly hosts?: number;
  readonly edits: readonly Edit[];
}

/** Without this, what an owner signed about its set shows every one of the faults in the replica at once. */
const NO_HASH_CHECK: Edit = {
  file: 'src/core/replica/ledger.ts',
  from: "if (!equalBytes(draft.liveHash, head.liveHash)) return 'liar';",
  to: 'void equalBytes;',
};

/** Mistakes that would be easy to make, each of which the simulator has to find. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    name: 'write told before it is durable',
    edits: [
      {
        file: 'src/core/host.ts',
        from: 'this.#durability.wrote(written);\n    this.#spread.tell(written.delta);\n    for',
        to: 'this.#spread.tell(written.delta);\n    this.#durability.wrote(written);\n    for',
      },
    ],
  },
  {
    name: 'gap skipped in upto',
    edits: [
      NO_HASH_CHECK,
      {
        file: 'src/core/replica/follower.ts',
        from: 'if (isWhole && delta.after <= end) {',
        to: 'if (isWhole) {',
      },
    ],
  },
  {
    name: 'deletion undone by a peer long away',
    edits: [
      {
        file: 'src/core/replica/follower.ts',
        from: 'if (compareHeads(delta.head, this.ledger.head) <= 0) return false;\n',
        to: '',
      },
    ],
  },
  {
    name: 'rolled-back disk reuses a seq',
    edits: [
      {
        file: 'src/core/replica/author.ts',
        from: 'let seq = Math.max(minimum, this.#own.ledger.head.upto) + 1;',
        to: 'void minimum;\n    let seq = this.#own.ledger.head.upto + 1;',
      },
    ],
  },
  {
    name: 'tie broken by arrival',
    edits: [
      {
        file: 'src/core/endpoints/view.ts',
        from: 'a.stamp - b.stamp || compare(a.owner, b.owner)',
        to: 'a.stamp - b.stamp',
      },
    ],
  },
  {
    name: 'snapshot merged instead of replacing',
    edits: [
      NO_HASH_CHECK,
      {
        file: 'src/core/replica/follower.ts',
        from: 'const draft = this.ledger.draft(entries, true);',
        to: 'const draft = this.ledger.draft(entries, false);',
      },
    ],
  },
  {
    name: "conflict moves a running container's traffic",
    edits: [
      {
        file: 'src/core/endpoints/view.ts',
        from: 'a.stamp - b.stamp || compare(a.owner, b.owner)',
        to: 'b.stamp - a.stamp || compare(a.owner, b.owner)',
      },
    ],
  },
  {
    name: 'halves never redial',
    edits: [
      {
        file: 'src/core/host/dialling.ts',
        from: "problem.code === 'peer-is-self' ?",
        to: "problem.code !== 'peer-refused' ?",
      },
    ],
  },
  {
    name: 'writes before anybody was heard',
    edits: [
      {
        file: 'src/core/host.ts',
        from: "if (this.#state === 'joining') this.#waiting.push(action);\n    else action();",
        to: 'action();',
      },
    ],
  },
  {
    name: 'kernel not told of what is gone',
    edits: [
      {
        file: 'src/core/forwarding/view.ts',
        from: 'if (before !== undefined) this.#remove(key, before);\n      return before?.station !== undefined;',
        to: 'if (before !== undefined) this.#remove(key, before);\n      return false;',
      },
    ],
  },
  {
    name: 'stations stay where their host was',
    edits: [
      {
        file: 'src/core/forwarding/view.ts',
        from: 'for (const key of [...(this.#keys.get(owner) ?? [])]) this.#place(key);',
        to: '',
      },
    ],
  },
];
