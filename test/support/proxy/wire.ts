import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../until.ts';

/** One end of a connection, as a test types into it and reads from it. */
export interface End {
  readonly socket: Socket;
  /** All that came so far. */
  received(): string;
  /** In how many pieces that came. */
  pieces(): number;
  /** Resolves when that contains `text`. */
  gets(text: string): Promise<void>;
  /** Whether the other end has said that no more comes. */
  isEnded(): boolean;
}

export function endOf(socket: Socket): End {
  const parts: Buffer[] = [];
  let ended = false;
  socket.on('data', part => parts.push(part));
  socket.on('end', () => {
    ended = true;
  });
  socket.on('close', () => {
    ended = true;
  });
  socket.on('error', () => undefined);
  const received = (): string => Buffer.concat(parts).toString('latin1');
  return {
    socket,
    received,
    pieces: () => parts.length,
    isEnded: () => ended,
    async gets(text) {
      await until(
        async () => received().includes(text) || undefined,
        () => `"${text}" did not come; there is ${JSON.stringify(received().slice(-500))}`,
      );
    },
  };
}

export async function dial(path: string): Promise<End> {
  const socket = connect({ path, allowHalfOpen: true });
  await once(socket, 'connect');
  return endOf(socket);
}

/** An engine that says what the test types. */
export interface PlayedEngine {
  readonly path: string;
  /** Resolves with the next connection. */
  accepted(): Promise<End>;
  readonly connections: readonly End[];
  close(): Promise<void>;
}

export async function playEngine(): Promise<PlayedEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'mpx-'));
  const path = join(directory, 'docker.sock');
  const connections: End[] = [];
  let taken = 0;
  const server = createServer({ allowHalfOpen: true }, socket => void connections.push(endOf(socket)));
  await new Promise<void>(resolve => server.listen(path, resolve));
  return {
    path,
    connections,
    async accepted() {
      const next = await until(
        async () => connections[taken],
        () => 'nobody dialled the engine',
      );
      taken += 1;
      return next;
    },
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise(resolve => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
