import { createHash, hkdfSync } from 'node:crypto';
import { type Ipv4, type Mac, toNumber, type Vtep } from '../../../core/address.ts';
import { ALL_TUNNELS, type Sleeve, sleeveAddress, tunnelAddress } from '../../../core/forwarding.ts';
import type { Log } from '../../../ports/log.ts';
import type { TunnelKeys } from '../../../ports/tunnel-keys.ts';
import { problemOf } from '../kernel-problem.ts';
import { close, KernelError } from '../libc.ts';
import { SLEEVE_DEVICE } from '../names.ts';
import { newNamespace } from '../namespace.ts';
import type { InSwitch } from '../parts.ts';
import { addAddress, listAddresses } from '../rtnetlink/addresses.ts';
import { findLink } from '../rtnetlink/link-table.ts';
import { separate, setLink, silence } from '../rtnetlink/links.ts';
import { socketAddress } from '../socket-setup.ts';
import type { Switch } from '../switch.ts';
import { listenTo, openDatagrams } from './datagrams.ts';
import { COUNTS, FORGED, type Moved, STRANGERS, type ThreadPeer } from './peers.ts';
import { keepWhole, openTap } from './tap.ts';
import { SleeveThreads, type Table } from './threads.ts';
import { AROUND_PACKET, CHUNK_MIN, readChunk } from './wire.ts';

/** The same on all hosts: a device that asks nobody for MACs sends to its own. */
const MAC = '02:6d:73:6c:65:76' as Mac;
/** 20 IP + 8 UDP. */
const UDP_OVERHEAD = 28;

export interface SleeveOptions {
  /** UDP, on the underlay. */
  readonly port: number;
  /** Whether frames go no other way. */
  readonly only: boolean;
  /** What a thread runs that carries frames. */
  readonly program: URL;
  readonly keys: TunnelKeys;
}

/** What this host's way is to carry. */
export interface Wanted {
  /** This host's own address in the control network. */
  readonly control: Ipv4 | undefined;
  readonly sleeves: readonly Sleeve[];
  /** Whether some of what the kernel sends goes this way. */
  readonly isUsed: boolean;
  /** The largest packet of any container; 0 where that is not known. */
  readonly mtu: number;
}

/**
 * The way for frames through this router: a device in the switch whose other end is held by two threads, and a UDP socket on
 * the underlay. What VXLAN devices send to hosts' sleeve addresses goes out there. Until somebody uses it, there is the socket
 * alone. It ends with the router.
 */
export class SleevePath {
  readonly #place: Switch;
  readonly #options: SleeveOptions;
  readonly #log: Log;
  readonly #udp: number;
  readonly #canBeWhole: boolean;
  readonly #counts = new SharedArrayBuffer(4 * COUNTS);
  /** Where peers were found to send from, by session. */
  readonly #moved = new Map<string, Uint8Array>();
  #carrying: { readonly tap: number; readonly threads: SleeveThreads } | undefined;
  #bell: { close(): void } | undefined;
  #own: Ipv4 | undefined;
  #given: readonly Sleeve[] = [];
  #mtu = 0;

  /** Throws a `KernelError`: `ENOENT` or `EPERM` where there is no TUN, `EADDRINUSE` where the port is another's. */
  constructor(place: Switch, inHost: InSwitch, options: SleeveOptions, log: Log) {
    this.#place = place;
    this.#options = options;
    this.#log = log;
    const at: Vtep = { address: place.local.address, port: options.port };
    this.#canBeWhole = tryTap();
    this.#udp = inHost(() => openDatagrams(at));
    this.#bell = listenTo(this.#udp, datagram => this.#rang(datagram));
  }

  /** Whether this kernel gives and takes frames in VXLAN as large as it keeps them together. */
  get canBeWhole(): boolean {
    return this.#canBeWhole;
  }

  /** Throws a `KernelError`. */
  apply({ control, sleeves, isUsed, mtu }: Wanted): void {
    if (control !== this.#own || sleeves !== this.#given || mtu !== this.#mtu) {
      this.#mtu = mtu;
      this.#own = control;
      this.#given = sleeves;
      this.#bring();
    }
    if (isUsed) this.#begin();
  }

  /** Mends the device; gives a sentence where it was not as it should be. Throws a `KernelError`. */
  audit(): readonly string[] {
    if (this.#carrying === undefined) return [];
    const link = findLink(this.#place.route, SLEEVE_DEVICE);
    const isRight = link?.up === true && link.mtu === this.#place.underlayMtu;
    if (link !== undefined && isRight && this.#missing(link.index).length === 0) return [];
    this.#setUp();
    this.#address();
    return ['the way through the router was down, or had another MTU or address; corrected'];
  }

  /** Whether somebody has removed the device: it takes another one, then. Throws a `KernelError`. */
  isGone(): boolean {
    return this.#carrying !== undefined && findLink(this.#place.route, SLEEVE_DEVICE) === undefined;
  }

  counts(): { readonly strangers: number; readonly forged: number } {
    const counts = new Int32Array(this.#counts);
    return { strangers: counts[STRANGERS]!, forged: counts[FORGED]! };
  }

  /** The device ends, and with it what goes this way. */
  async close(): Promise<void> {
    this.#bell?.close();
    await this.#carrying?.threads.stop();
    if (this.#carrying !== undefined) close(this.#carrying.tap);
    close(this.#udp);
  }

  #bring(): void {
    if (this.#carrying === undefined) return;
    const { tap, threads } = this.#carrying;
    this.#address();
    const isWhole = this.#given.every(({ whole }) => whole);
    if (this.#canBeWhole) keepWhole(tap, isWhole);
    threads.bring(this.#table());
  }

  #setUp(): void {
    const { route, underlayMtu } = this.#place;
    const link = { mac: MAC, mtu: underlayMtu, noArp: true, up: true } as const;
    route.run(silence(SLEEVE_DEVICE), separate(SLEEVE_DEVICE, true), setLink(SLEEVE_DEVICE, link));
  }

  #address(): void {
    const index = findLink(this.#place.route, SLEEVE_DEVICE)?.index;
    if (index !== undefined)
      this.#place.route.run(...this.#missing(index).map(cidr => addAddress(index, cidr)));
  }

  /** VXLAN devices send from the one; the other leads here, also what was meant for a tunnel that is not there: to nobody. */
  #missing(index: number) {
    if (this.#own === undefined) return [];
    const held = listAddresses(this.#place.route).filter(({ link }) => link === index);
    return [
      { address: tunnelAddress(this.#own), prefix: 32 },
      { address: sleeveAddress(this.#own), prefix: ALL_TUNNELS.prefix },
    ].filter(({ address }) => !held.some(({ cidr }) => cidr.address === address));
  }

  /** The first datagram of a peer starts the threads; it is sent again by whoever needs an answer. */
  #rang(datagram: Buffer): void {
    const chunk = readChunk(datagram, 0, datagram.length);
    const isPeer = this.#given.some(
      ({ tunnel, session }) =>
        toNumber(tunnel) === chunk?.sender && sessionNumber(session) === chunk?.session,
    );
    if (isPeer) this.#answer();
    else Atomics.add(new Int32Array(this.#counts), STRANGERS, 1);
  }

  #answer(): void {
    try {
      this.#begin();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#log.error('a peer sends through this router, which can not take it', problemOf(error));
    }
  }

  #begin(): void {
    if (this.#carrying !== undefined) return;
    const tap = this.#place.namespace.inside(() => openTap(SLEEVE_DEVICE));
    this.#bell?.close();
    this.#bell = undefined;
    const threads = new SleeveThreads(
      {
        program: this.#options.program,
        log: this.#log,
        tap,
        udp: this.#udp,
        counts: this.#counts,
        moved: moved => this.#follow(moved),
      },
      this.#table(),
    );
    this.#carrying = { tap, threads };
    this.#setUp();
    this.#bring();
  }

  #follow({ tunnel, endpoint }: Moved): void {
    const peer = this.#given.find(other => toNumber(other.tunnel) === tunnel);
    if (peer === undefined) return;
    this.#moved.set(nameOf(peer), endpoint);
    this.#carrying?.threads.bring(this.#table());
  }

  #table(): Table {
    const names = new Set(this.#given.map(nameOf));
    for (const name of this.#moved.keys()) if (!names.has(name)) this.#moved.delete(name);
    const own = this.#own === undefined ? 0 : numberOf(tunnelAddress(this.#own));
    return {
      own,
      peersFor: direction =>
        this.#given.flatMap(sleeve =>
          this.#peer(sleeve, direction === 'out' ? own : numberOf(sleeve.tunnel)),
        ),
    };
  }

  /** As large as the underlay's device takes it, but no larger than what was measured to come through. */
  #chunk(): number {
    const packet = this.#mtu === 0 ? Number.POSITIVE_INFINITY : this.#mtu;
    return Math.max(CHUNK_MIN, Math.min(this.#place.underlayMtu - UDP_OVERHEAD, packet + AROUND_PACKET));
  }

  /** `sender`: of this direction. */
  #peer(sleeve: Sleeve, sender: number): readonly ThreadPeer[] {
    const { address, tunnel, endpoint, session, key } = sleeve;
    const shared = this.#options.keys.sharedWith(Buffer.from(key, 'base64'));
    if (shared === undefined) return [];
    return [
      {
        tunnel: numberOf(tunnel),
        destination: numberOf(address),
        endpoint: this.#moved.get(nameOf(sleeve)) ?? socketAddress(endpoint),
        session: sessionNumber(session),
        key: new Uint8Array(hkdfSync('sha256', shared, session, `mesh/1 sleeve ${sender}`, 32)),
        chunk: this.#chunk(),
      },
    ];
  }
}

/** Gives whether frames in VXLAN can be kept whole. Throws a `KernelError` where the kernel has no TAP at all. */
function tryTap(): boolean {
  const namespace = newNamespace();
  try {
    return namespace.inside(() => {
      const tap = openTap('try');
      const isWhole = keepWhole(tap, true);
      close(tap);
      return isWhole;
    });
  } finally {
    namespace.close();
  }
}

const numberOf = (address: Ipv4): number => toNumber(address) ?? 0;

/** A peer that says it is elsewhere is believed, until it is found to be somewhere else. */
const nameOf = ({ tunnel, session, endpoint }: Sleeve): string =>
  `${tunnel} ${session} ${endpoint.address}:${endpoint.port}`;

const sessionNumber = (session: string): number =>
  createHash('sha256').update(session).digest().readUInt32BE(0);

/** Whether a kernel lacks what this takes. */
export const isLacking = (error: unknown): error is KernelError =>
  error instanceof KernelError && ['ENOENT', 'ENODEV', 'ENXIO', 'EPERM', 'EACCES'].includes(error.code);
