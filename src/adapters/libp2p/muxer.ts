import type { StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';

const MIB = 1024 * 1024;

/**
 * Yamux whose `abort` never throws. The original says goodbye first, which fails on a connection that is about to
 * close; libp2p aborts from event listeners and from `catch`, where that would end the process.
 */
export function yamuxMuxer(): () => StreamMuxerFactory {
  const factory = yamux({
    // A link has its own signs of life (link.ts).
    enableKeepAlive: false,
    // A larger window would only let a slow peer hold more memory.
    streamOptions: { maxStreamWindowSize: MIB },
  })();
  return () => ({
    protocol: factory.protocol,
    createStreamMuxer(connection) {
      const muxer = factory.createStreamMuxer(connection);
      const abort = muxer.abort.bind(muxer);
      muxer.abort = error => {
        try {
          abort(error);
        } catch {
          // By now its streams are aborted; only the goodbye is missing.
        }
      };
      return muxer;
    },
  });
}
