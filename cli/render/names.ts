import type { Report } from '../../src/core/report.ts';
import { shortId } from './label.ts';

/** One address of a name a line, as `weave status dns` has it: name, address, container, peer. */
export function renderNames({ names }: Report): string {
  const line = ({ name, address, container, host }: Report['names'][number]): string =>
    `${name.padEnd(12)} ${address.padEnd(15)} ${shortId(container ?? '-').padEnd(12)} ${host.name}`;
  return names.map(line).join('\n');
}
