import type { PeerId } from '../address.ts';
import type { Sleeve } from '../forwarding.ts';
import { type Protection, protectionOf, sleeveTo } from '../paths/protection.ts';
import type { Encryption } from '../topology/facts.ts';
import type { TopologyView } from '../topology/view.ts';
import type { HostConfig } from './step.ts';

type ShieldConfig = Pick<HostConfig, 'boot' | 'encryption' | 'sleeve' | 'vtep'>;

/** Which frames leave this host as they are, which by a tunnel, and which not at all. */
export class Shield {
  readonly #config: ShieldConfig;
  readonly #topology: TopologyView;
  #own: Encryption | undefined;

  constructor(config: ShieldConfig, topology: TopologyView) {
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
    if (protection.kind === 'sleeve') return protection.isEncrypted ? 'encrypted' : undefined;
    return this.#own === undefined ? undefined : 'trusted';
  }

  /** Undefined while nothing is known of it. */
  of(peer: PeerId): Protection | undefined {
    const host = this.#topology.host(peer);
    return host && protectionOf(this.#party, host);
  }

  /** Whether this host has a way through its router. */
  get hasSleeve(): boolean {
    return this.#config.sleeve !== undefined;
  }

  /** Whether this host can send to others what may not leave as it is. */
  get canSeal(): boolean {
    return this.hasSleeve || this.#own?.port !== undefined;
  }

  /** The way through both routers, whether it is taken or not; undefined where there is none. */
  sleeveTo(peer: PeerId): Sleeve | undefined {
    const host = this.#topology.host(peer);
    return host && sleeveTo(this.#party, host);
  }

  get #party() {
    const { boot, sleeve, vtep } = this.#config;
    return { boot, vtep, ...(sleeve && { sleeve }), ...(this.#own && { encryption: this.#own }) };
  }
}
