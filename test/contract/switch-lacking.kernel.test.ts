import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { MessageWriter } from '../../src/adapters/linux/netlink/writer.ts';
import { openSwitch, PLAIN } from '../../src/adapters/linux/switch.ts';
import type { Ipv4 } from '../../src/core/address.ts';
import { useGuarded } from '../support/guarded.ts';
import { OWN } from '../support/own.ts';

const test = useGuarded();
const directory = mkdtempSync(join(tmpdir(), OWN));

afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => rmSync(directory, { recursive: true }));

/** From now on requests ask for a kind that no kernel knows in place of `kind`. */
function misspell(kind: string): void {
  const write = MessageWriter.prototype.attributeText;
  vi.spyOn(MessageWriter.prototype, 'attributeText').mockImplementation(function misspelt(
    this: MessageWriter,
    type,
    text,
  ) {
    write.call(this, type, text === kind ? `no-${kind}` : text);
  });
}

describe('a kernel without one of the kinds of link', () => {
  it.each([
    ['vxlan', 'VXLAN'],
    ['bridge', 'bridge'],
    ['veth', 'veth'],
  ])('%s', async (kind, feature) => {
    const host = test.namespace('host');
    host.run('ip link set lo up');
    misspell(kind);
    const path = join(directory, 'switch');
    const local = { address: '127.0.0.1' as Ipv4, port: 6784 };
    const opened = await openSwitch(path, local, host.inside, PLAIN);
    expect(opened).toEqual({ ok: false, problem: { code: 'kernel-lacks', feature } });
    expect(existsSync(path)).toBe(false);
    expect(host.run('ip -oneline link').trim().split('\n')).toHaveLength(1);
  });
});
