const LINE = /^\d{4}-\d\d-\d\dT[\d:.]+Z (\w+) +(.*)$/;
const REFUSAL = 'mesh: ';
const THROWN = /^(?:Uncaught )?\w*Error.*: /;

/**
 * The sentence in a router's log that tells best why it ended: its refusal to start (`mesh: ...`), else its last error,
 * else what was thrown, else its last line.
 */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter(line => line.trim() !== '');
  const entries = lines.map(line => LINE.exec(line)).filter(entry => entry !== null);
  const error = entries.findLast(([, level]) => level === 'error');
  const thrown = lines.findLast(line => THROWN.test(line));
  const refusal = lines.findLast(line => line.startsWith(REFUSAL))?.slice(REFUSAL.length);
  const last = refusal ?? error?.[2] ?? thrown ?? entries.at(-1)?.[2] ?? lines.at(-1) ?? 'it said nothing';
  return last.trim();
}
