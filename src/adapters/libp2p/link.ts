import type { Connection, Stream } from '@libp2p/interface';
import { createFrameReader, encodeFrame } from './frames.ts';
import { MAX_MESSAGE } from './limits.ts';

const MIB = 1024 * 1024;

/** What may wait for a slow peer, and what may wait here while a link comes up. */
const MAX_WAITING = 16 * MIB;

/** The connection is given up after so many beats of silence. */
const SILENT_BEATS = 3;

/** The empty frame: I hear your gossip. Repeated as a sign of life. */
const HEARD = new Uint8Array(0);

export interface LinkListener {
  up(): void;
  /** False: not worth handing on. */
  message(bytes: Uint8Array): unknown;
  /** The connection is over. */
  lost(reason: string): void;
  /** It can't go on: the connection has to be closed; `breach` where the peer broke a rule. */
  broken(reason: string, breach: boolean): void;
}

/**
 * One sync stream, used both ways, and the gossip that goes beside it.
 *
 * Each end tells the other on the sync stream when it has heard the other's subscription, which comes first on the
 * gossip stream. Who has heard it and has been told is up: then both streams work both ways, and nothing that is
 * broadcast from now on is lost for want of a stream. What arrives earlier is kept until then.
 */
export class Link {
  readonly connection: Connection;
  readonly #stream: Stream;
  readonly #listener: LinkListener;
  readonly #reader = createFrameReader(MAX_MESSAGE);
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #hears = false;
  #heard = false;
  #open = true;
  #silence = 0;

  constructor(connection: Connection, stream: Stream, listener: LinkListener) {
    this.connection = connection;
    this.#stream = stream;
    this.#listener = listener;
    stream.addEventListener('message', ({ data }) => this.#read(data.subarray()));
    stream.addEventListener('remoteCloseWrite', () => this.#lose('it closed the connection'));
    stream.addEventListener('close', ({ error }) =>
      this.#lose(
        error === undefined ? 'it closed the connection' : `the connection was lost: ${error.message}`,
      ),
    );
  }

  /** Dropped where the link is not up. */
  send(bytes: Uint8Array): void {
    if (this.#up && bytes.length > 0) this.#write(bytes);
  }

  /** The peer's gossip subscription has arrived. */
  subscribed(): void {
    if (this.#hears || !this.#open) return;
    this.#hears = true;
    this.#write(HEARD);
    this.#check();
  }

  /** A gossip message came from this peer. Gives whether it may be handed on. */
  gossiped(bytes: Uint8Array): boolean {
    this.#silence = 0;
    return this.#deliver(bytes);
  }

  /**
   * Gives a sign of life, and looks for theirs. Beats are counted, not time: a process that stood still itself has not
   * missed any.
   */
  beat(): void {
    if (!this.#up) return;
    if (this.#silence === SILENT_BEATS) {
      this.#break('it gave no sign of life');
      return;
    }
    this.#silence += 1;
    this.#write(HEARD);
  }

  /** No calls to the listener any more. */
  close(): void {
    this.#open = false;
  }

  get #up(): boolean {
    return this.#open && this.#hears && this.#heard;
  }

  #check(): void {
    if (!this.#up) return;
    this.#watchGossip();
    if (!this.#open) return;
    this.#listener.up();
    for (const bytes of this.#early) if (this.#open) this.#listener.message(bytes);
    this.#early = [];
  }

  /** Gossipsub opens its stream once and never again. */
  #watchGossip(): void {
    const gossip = this.connection.streams.find(
      ({ direction, protocol }) => direction === 'outbound' && protocol.startsWith('/meshsub/'),
    );
    if (gossip === undefined) this.#lose('its gossip stream is gone');
    else gossip.addEventListener('close', () => this.#lose('its gossip stream closed'));
  }

  #read(chunk: Uint8Array): void {
    this.#silence = 0;
    const frames = this.#reader.push(chunk);
    if (frames === undefined) this.#break(`it sent a message of more than ${MAX_MESSAGE} bytes`, true);
    for (const frame of frames ?? []) {
      if (frame.length > 0) this.#deliver(frame);
      else if (!this.#heard) {
        this.#heard = true;
        this.#check();
      }
    }
  }

  #deliver(bytes: Uint8Array): boolean {
    if (!this.#open) return false;
    if (this.#up) return this.#listener.message(bytes) !== false;
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > MAX_WAITING) this.#break('it sent too much before it was ready', true);
    return false;
  }

  #write(bytes: Uint8Array): void {
    if (this.#stream.writeBufferLength + bytes.length > MAX_WAITING) {
      this.#break(`it is too slow: ${MAX_WAITING / MIB} MiB wait for it`);
      return;
    }
    try {
      this.#stream.send(encodeFrame(bytes));
    } catch {
      // It is closing already; the event that tells so is on its way.
    }
  }

  #lose(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#early = [];
    this.#listener.lost(reason);
  }

  #break(reason: string, breach = false): void {
    if (!this.#open) return;
    this.#open = false;
    this.#early = [];
    this.#listener.broken(reason, breach);
  }
}
