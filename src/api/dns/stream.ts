import { createServer, type Server, type Socket } from 'node:net';
import { type Ipv4, parseIpv4, toNumber } from '../../core/address.ts';
import { Frames, framed } from './frames.ts';

/** A connection on which nothing is asked for so long is ended. */
const IDLE_MS = 10_000;
const MOST_CONNECTIONS = 256;
/** Questions of one connection that wait for their answers. */
const MOST_PIPELINED = 64;

/** Gives the answer; undefined where there is none. */
export type StreamAnswerer = (query: Buffer, source: number) => Promise<Buffer | undefined>;

/** Takes questions over TCP at a bound socket, several a connection, and answers each as soon as it can. */
export function serveStream(fd: number, answerer: StreamAnswerer): { close(): void } {
  const sockets = new Set<Socket>();
  const server: Server = createServer(socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.setNoDelay(true);
    const source = toNumber(parseIpv4(socket.remoteAddress ?? '') ?? ('0.0.0.0' as Ipv4))!;
    const frames = new Frames();
    let waiting = 0;
    const answer = async (query: Buffer): Promise<void> => {
      waiting += 1;
      if (waiting > MOST_PIPELINED) return void socket.destroy();
      const bytes = await answerer(query, source);
      waiting -= 1;
      if (bytes === undefined) socket.destroy();
      else if (!socket.destroyed) socket.write(framed(bytes));
    };
    socket.on('data', chunk => {
      for (const query of frames.take(chunk)) void answer(query);
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('error', () => undefined);
  server.listen({ fd });
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
