import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rewriteHosts } from '../../../../src/api/proxy/hosts-file.ts';
import type { Ipv4 } from '../../../../src/core/address.ts';

describe('the /etc/hosts of a container', () => {
  let folder: string;
  const path = (): string => join(folder, 'hosts');

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hosts-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('says its address on the mesh in the place of the bridge, in the same file', async () => {
    writeFileSync(path(), '127.0.0.1\tlocalhost\n172.17.0.2\tbox1.weave.local box1\n10.9.9.9\tstatic.name\n');
    const { ino } = statSync(path());
    await rewriteHosts(path(), ['box1.weave.local', 'box1'], ['10.2.1.1', '10.2.2.1'] as Ipv4[]);
    expect(readFileSync(path(), 'utf8')).toBe(
      '10.2.1.1\tbox1.weave.local box1\n10.2.2.1\tbox1.weave.local box1\n127.0.0.1\tlocalhost\n10.9.9.9\tstatic.name\n',
    );
    expect(statSync(path()).ino).toBe(ino);
  });

  it('is refused where there is none', async () => {
    await expect(rewriteHosts(join(folder, 'none'), ['box1'], [])).rejects.toThrow('ENOENT');
  });
});
