import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from './measure.ts';

/** Boots the machine whose kernel has WireGuard, and measures there. */
export async function run(): Promise<readonly Figure[]> {
  const out = mkdtempSync(join(tmpdir(), 'mesh-bench-vm-'));
  try {
    const { status, error } = spawnSync(
      join(import.meta.dirname, '../vm/run'),
      ['-t', '900', '--', process.execPath, join(import.meta.dirname, 'wireguard-guest.ts')],
      { stdio: ['ignore', 2, 'inherit'], env: { ...process.env, VM_OUT: out } },
    );
    if (status !== 0) throw error ?? new Error(`the machine's command ended with ${status}`);
    return JSON.parse(readFileSync(join(out, 'figures.json'), 'utf8')) as readonly Figure[];
  } finally {
    rmSync(out, { recursive: true });
  }
}
