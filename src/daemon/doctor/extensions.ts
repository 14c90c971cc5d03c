import type { Packet, Truth } from './matching.ts';

/**
 * Whether an extension of iptables matches. In nft's JSON it has a name only; in its text it is translated, where nft was
 * built to do that. `text` is the whole rule.
 */
export function extensionMatches(name: string, text: string, packet: Packet): Truth {
  switch (name) {
    case 'comment':
      return 'yes';
    case 'conntrack':
    case 'state':
      return among(/\bct state ([\w,]+)/.exec(text)?.[1]?.split(','), 'new');
    case 'addrtype':
      return among(/\bfib daddr type (\w+)/.exec(text)?.[1]?.split(','), 'local');
    case 'multiport':
      return portAmong(text, packet);
    default:
      return 'maybe';
  }
}

function among(words: readonly string[] | undefined, word: string): Truth {
  if (words === undefined) return 'maybe';
  return words.includes(word) ? 'yes' : 'no';
}

/** `udp dport { 53, 6780-6790 }`, or one port without braces. */
function portAmong(text: string, { protocol, port }: Packet): Truth {
  const [, of, list] = /\b(tcp|udp) dport \{? ?([\d, -]+)/.exec(text) ?? [];
  if (list === undefined) return 'maybe';
  const ranges = list.split(',').map(each => each.trim().split('-').map(Number));
  const within = ranges.some(([first = 0, last = first]) => first <= port && port <= last);
  return of === protocol && within ? 'yes' : 'no';
}
