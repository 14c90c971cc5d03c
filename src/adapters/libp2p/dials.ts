import { setTimeout as sleep } from 'node:timers/promises';
import { multiaddr } from '@multiformats/multiaddr';
import type { Problem } from '../../core/errors.ts';
import { type HostPort, remoteOf, resolve, toMultiaddr } from './host-port.ts';
import { HANDSHAKE_MS, type Node } from './node.ts';
import { dialProblem } from './problems.ts';

/** One attempt at one address, as far as it has come. */
export interface Dial {
  /** As they were asked for: several names may lead to one address. */
  readonly asked: string[];
  /** TCP is through: what fails now, fails in talking. */
  connected: boolean;
  /** Set where we end it ourselves, as soon as we know who it is. */
  verdict:
    | { readonly kind: 'superfluous' }
    | { readonly kind: 'not-pinned'; readonly id: string }
    | { readonly kind: 'refused'; readonly seconds: number }
    | undefined;
}

/** The dials that are under way. */
export class Dials {
  readonly #failed: (address: string, problem: Problem) => void;
  /** By the HOST:PORT that was resolved. */
  readonly #dials = new Map<string, Dial>();
  readonly #asked = new Set<string>();

  constructor(failed: (address: string, problem: Problem) => void) {
    this.#failed = failed;
  }

  /** The dial that led to this connection. */
  of(connection: Parameters<typeof remoteOf>[0]): Dial | undefined {
    return this.#dials.get(remoteOf(connection));
  }

  /** Ends in a connection, a verdict, or a call of `failed`; nothing while this address is being dialled. Never rejects. */
  async start(node: Node, address: string, asked: HostPort): Promise<void> {
    if (this.#asked.has(address)) return;
    this.#asked.add(address);
    const host = await Promise.race([resolve(asked.host), sleep(HANDSHAKE_MS, undefined, { ref: false })]);
    if (host === undefined) this.#failed(address, { code: 'peer-unresolved', peer: address });
    else await this.#dial(node, address, { host, port: asked.port });
    this.#asked.delete(address);
  }

  async #dial(node: Node, address: string, to: HostPort): Promise<void> {
    const key = `${to.host}:${to.port}`;
    const running = this.#dials.get(key);
    if (running !== undefined) {
      running.asked.push(address);
      return;
    }
    const dial: Dial = { asked: [address], connected: false, verdict: undefined };
    this.#dials.set(key, dial);
    try {
      await node.dial(multiaddr(toMultiaddr(to)), { signal: AbortSignal.timeout(HANDSHAKE_MS) });
    } catch (error) {
      for (const peer of dial.asked) this.#fail(peer, dial, error);
    }
    this.#dials.delete(key);
  }

  #fail(peer: string, { connected, verdict }: Dial, error: unknown): void {
    if (verdict?.kind === 'superfluous') return;
    if (verdict?.kind === 'not-pinned') this.#failed(peer, { code: 'peer-not-pinned', peer, id: verdict.id });
    else if (verdict?.kind === 'refused') {
      const why = `it broke a rule; it is refused for another ${verdict.seconds} s`;
      this.#failed(peer, { code: 'peer-failed', peer, why });
    } else this.#failed(peer, dialProblem(peer, connected, error));
  }
}
