import type { StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';
import { StreamState, YamuxStream } from '@libp2p/yamux/stream';

const MIB = 1024 * 1024;

interface Window {
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
}

/**
 * Yamux answers every frame with one that says that there is room again, which nearly doubles what a small message costs
 * both ends. Half a window is soon enough; what opens a stream is sent at once.
 */
const tellRoom = YamuxStream.prototype.sendWindowUpdate;
YamuxStream.prototype.sendWindowUpdate = function sendWindowUpdate() {
  const { recvWindow, recvWindowCapacity } = this as unknown as Window;
  const isOpen = this.state === StreamState.Established;
  if (!isOpen || recvWindowCapacity <= recvWindow / 2) tellRoom.call(this);
};

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
