/** How a container that was given no host name is called. */
export interface NameRule {
  /** The label that has the name, in the place of the container's own. */
  readonly label: string | undefined;
  readonly match: RegExp;
  readonly replacement: string;
}

/** Longer ones are refused by the kernel; the engine sets it with its domain. */
const LONGEST = 64;

/** Undefined where nothing is left to call it by. */
export function hostName(rule: NameRule, name: string, labels: unknown, domain: string): string | undefined {
  const labelled = rule.label === undefined ? name : Object(labels)[rule.label];
  if (typeof labelled !== 'string') return undefined;
  const called = labelled.replace(rule.match, rule.replacement);
  return /^[a-zA-Z0-9]([\w.-]*[a-zA-Z0-9])?$/.test(called) && `${called}.${domain}`.length <= LONGEST
    ? called
    : undefined;
}
