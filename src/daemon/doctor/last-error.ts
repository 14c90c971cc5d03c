const LINE = /^\S+ (\w+) +(.*)$/;
const STARTED = 'router started';

/** The last error in a router's log that came after its last start, or after a start that failed. */
export function lastErrorIn(log: string): string | undefined {
  const lines = log.split('\n').filter(line => line !== '');
  const started = lines.findLastIndex(line => LINE.exec(line)?.[2]?.startsWith(STARTED));
  const since = lines.slice(started + 1);
  const refused = since.findLast(line => line.startsWith('mesh: '))?.slice('mesh: '.length);
  return refused ?? since.map(line => LINE.exec(line)).findLast(match => match?.[1] === 'error')?.[2];
}
