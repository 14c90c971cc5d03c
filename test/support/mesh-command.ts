import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildCli } from '../../build.ts';

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line as it is shipped, beside a router that only answers on its control socket. */
export interface MeshCommand {
  readonly folder: string;
  run(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  remove(): void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up root before the command starts. */
  readonly unprivileged?: boolean;
}

const UNPRIVILEGED = ['--import', 'data:text/javascript,process.seteuid(65534)'];
const ROOT = join(import.meta.dirname, '..', '..');

export async function buildMeshCommand(): Promise<MeshCommand> {
  const folder = mkdtempSync(join(tmpdir(), 'mcl-'));
  chmodSync(folder, 0o755);
  await buildCli(folder, '0.1.0');
  await build({
    absWorkingDir: ROOT,
    entryPoints: ['test/support/fake-daemon.ts'],
    outfile: join(folder, 'daemon.js'),
    bundle: true,
    platform: 'node',
    logLevel: 'error',
  });
  // The router that only answers needs no programs; without this, launch would install what is missing.
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nft'), '#!/bin/sh\n', { mode: 0o755 });
  const path = `${bin}:${process.env['PATH']}`;
  return {
    folder,
    run: (argv, options = {}) =>
      runNode([join(folder, 'cli.cjs'), ...argv], { ...options, env: { PATH: path, ...options.env } }),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function runNode(argv: readonly string[], { env, unprivileged }: RunOptions): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(unprivileged ? UNPRIVILEGED : []), ...argv], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', status => resolve({ status, stdout, stderr }));
  });
}
