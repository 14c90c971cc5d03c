import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface';
import { createFrameReader, encodeFrame } from './frames.ts';
import { MAX_MESSAGE } from './limits.ts';

/** What may wait for a slow peer, and what may wait here while a link comes up. */
const MAX_WAITING = 16 * 1024 * 1024;

/** The empty frame: I hear your gossip. */
const HEARD = new Uint8Array(0);

export interface LinkListener {
  up(): void;
  message(bytes: Uint8Array): void;
  /** The connection is over. */
  lost(reason: string): void;
  /** The peer broke a rule: the connection has to be closed. */
  broken(reason: string): void;
}

/** One sync stream, used both ways, and the gossip that goes beside it. */
export interface Link {
  readonly connection: Connection;
  readonly up: boolean;
  /** Dropped where the link is not up. */
  send(bytes: Uint8Array): void;
  /** The peer's gossip subscription has arrived. */
  subscribed(): void;
  /** A gossip message came from this peer. */
  gossiped(bytes: Uint8Array): void;
  /** No calls to the listener any more. */
  close(): void;
}

/**
 * Each end tells the other on the sync stream when it has heard the other's subscription, which comes first on the
 * gossip stream. Who has heard it and has been told is up: then both streams work both ways, and nothing that is
 * broadcast from now on is lost for want of a stream. What arrives earlier is kept until then.
 */
export function createLink(connection: Connection, stream: Stream, listener: LinkListener): Link {
  const reader = createFrameReader(MAX_MESSAGE);
  let early: Uint8Array[] = [];
  let earlyBytes = 0;
  let hears = false;
  let heard = false;
  let open = true;

  const link: Link = {
    connection,
    get up() {
      return open && hears && heard;
    },
    send(bytes) {
      if (link.up && bytes.length > 0) write(bytes);
    },
    subscribed() {
      if (hears || !open) return;
      hears = true;
      write(HEARD);
      check();
    },
    gossiped: deliver,
    close() {
      open = false;
    },
  };

  function check(): void {
    if (!link.up) return;
    watchGossip();
    listener.up();
    for (const bytes of early) if (open) listener.message(bytes);
    early = [];
  }

  function deliver(bytes: Uint8Array): void {
    if (!open) return;
    if (link.up) {
      listener.message(bytes);
      return;
    }
    early.push(bytes);
    earlyBytes += bytes.length;
    if (earlyBytes > MAX_WAITING) fail('it sent too much before it was ready');
  }

  function write(bytes: Uint8Array): void {
    if (stream.writeBufferLength + bytes.length > MAX_WAITING) {
      fail(`it is too slow: ${MAX_WAITING / 1024 / 1024} MiB wait for it`);
      return;
    }
    try {
      stream.send(encodeFrame(bytes));
    } catch {
      // It is closing already; the event that tells so is on its way.
    }
  }

  /** Gossipsub opens its stream once and never again. */
  function watchGossip(): void {
    const gossip = connection.streams.find(
      ({ direction, protocol }) => direction === 'outbound' && protocol.startsWith('/meshsub/'),
    );
    if (gossip === undefined) end('its gossip stream is gone');
    else gossip.addEventListener('close', () => end('its gossip stream closed'));
  }

  function fail(reason: string): void {
    if (!open) return;
    open = false;
    listener.broken(reason);
  }

  function end(reason: string): void {
    if (!open) return;
    open = false;
    listener.lost(reason);
  }

  function onMessage({ data }: StreamMessageEvent): void {
    const frames = reader.push(data.subarray());
    if (frames === undefined) fail(`it sent a message of more than ${MAX_MESSAGE} bytes`);
    for (const frame of frames ?? []) {
      if (frame.length > 0) deliver(frame);
      else if (!heard) {
        heard = true;
        check();
      }
    }
  }

  stream.addEventListener('message', onMessage);
  stream.addEventListener('remoteCloseWrite', () => end('it closed the connection'));
  stream.addEventListener('close', ({ error }) =>
    end(error === undefined ? 'it closed the connection' : `the connection was lost: ${error.message}`),
  );
  return link;
}
