/** One thing that `mesh doctor` found out about this host. */
export interface Finding {
  /** `problem`: stands in the way of the mesh. `note`: may do so, or is worth knowing. `ok`: was looked at. */
  readonly level: Level;
  /** What was looked at, in one word: `firewall`, `ports` ... */
  readonly check: string;
  /** One sentence, without a full stop: what is, with the values. */
  readonly what: string;
  /** What to do about it; undefined where there is nothing to do. */
  readonly cure?: string;
}

type Level = 'problem' | 'note' | 'ok';

const RANK: Readonly<Record<Level, number>> = { problem: 0, note: 1, ok: 2 };

/** The worst first; then by check, which are in the order of `findings` already. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => RANK[a.level] - RANK[b.level]);
}
