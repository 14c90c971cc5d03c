import type { PeerId } from '../address.ts';
import { type Protection, protectionOf } from '../paths/protection.ts';
import type { Encryption } from '../topology/facts.ts';
import type { TopologyView } from '../topology/view.ts';
import type { HostConfig } from './step.ts';

/** Which frames leave this host as they are, which by a tunnel, and which not at all. */
export class Shield {
  readonly #config: Pick<HostConfig, 'encryption' | 'vtep'>;
  readonly #topology: TopologyView;
  #own: Encryption | undefined;

  constructor(config: Pick<HostConfig, 'encryption' | 'vtep'>, topology: TopologyView) {
    this.#config = config;
    this.#topology = topology;
    this.#own = config.encryption;
  }

  /** What the others are told; undefined where this host does not encrypt. */
  get own(): Encryption | undefined {
    return this.#own;
  }

  /** Whether the data port takes what is encrypted: there is another port for that where it takes what is plain. */
  get isOnDataPort(): boolean {
    return this.#own?.port === this.#config.vtep.port;
  }

  /** The kernel can encrypt from now on, or no more; gives whether that is news. */
  set(port: number | undefined): boolean {
    if (this.#own === undefined || this.#own.port === port) return false;
    const { key, trusts } = this.#own;
    this.#own = { key, trusts, ...(port !== undefined && { port }) };
    return true;
  }

  /** For a person. */
  shown(protection: Protection | undefined): 'encrypted' | 'trusted' | 'refused' | undefined {
    if (protection === undefined || protection.kind === 'refused') return protection?.kind;
    if (protection.kind === 'tunnel') return 'encrypted';
    return this.#own === undefined ? undefined : 'trusted';
  }

  /** Undefined while nothing is known of it. */
  of(peer: PeerId): Protection | undefined {
    const host = this.#topology.host(peer);
    if (host === undefined) return undefined;
    const own = { vtep: this.#config.vtep, ...(this.#own && { encryption: this.#own }) };
    return protectionOf(own, host);
  }
}
