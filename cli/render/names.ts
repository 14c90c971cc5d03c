import type { Report } from '../../src/core/report.ts';

const SHORT_ID = 12;

/** One address of a name a line, as `weave status dns` has it: name, address, container, peer. */
export function renderNames({ names }: Report): string {
  const line = ({ name, address, container, host }: Report['names'][number]): string =>
    `${name.padEnd(12)} ${address.padEnd(15)} ${(container ?? '-').slice(0, SHORT_ID).padEnd(SHORT_ID)} ${host.name}`;
  return names.map(line).join('\n');
}
