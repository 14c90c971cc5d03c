import type { Ipv4, PeerId } from '../../../src/core/address.ts';
import { decodeEndpoint, ENDPOINTS } from '../../../src/core/endpoints/endpoint.ts';
import type { Millis } from '../../../src/core/host/step.ts';
import { CUSTODY_KEY, IPAM } from '../../../src/core/ipam/custody.ts';
import { decodeRemoval, REMOVALS } from '../../../src/core/removals/removal.ts';
import type { Change, Entry } from '../../../src/core/replica.ts';
import type { SimulatedMachine } from '../machine.ts';
import type { Simulation } from '../simulation.ts';
import { QUARANTINE_MS } from './settings.ts';

/** What a machine has heard of removed peers since its router started. */
interface Heard {
  /** Up to which of its facts each removed peer no longer counts. */
  readonly limits: Map<PeerId, number>;
  /** Addresses that containers of such a peer had, and since when that is known. */
  readonly former: Map<Ipv4, Millis>;
}

/**
 * What must hold once a machine knows that a peer was removed: it gives nobody the addresses of that one's containers for
 * a while; and if it was removed itself, it has given up what it held before.
 */
export class RemovalChecks {
  readonly #simulation: Simulation;
  readonly #fail: (machine: SimulatedMachine, what: string) => never;
  readonly #heard = new Map<SimulatedMachine, Heard>();

  constructor(simulation: Simulation, fail: (machine: SimulatedMachine, what: string) => never) {
    this.#simulation = simulation;
    this.#fail = fail;
  }

  starting(machine: SimulatedMachine): void {
    this.#heard.set(machine, { limits: new Map(), former: new Map() });
  }

  changed(machine: SimulatedMachine, { domain, key, now, owner }: Change): void {
    const heard = this.#heard.get(machine);
    if (heard === undefined || now?.value === undefined) return;
    if (domain === ENDPOINTS && now.seq <= (heard.limits.get(owner) ?? 0)) this.#note(machine, heard, now);
    else if (domain === ENDPOINTS) this.#forget(heard, now);
    const removal = domain === REMOVALS ? decodeRemoval(key, now.value) : undefined;
    if (removal === undefined || removal.upto <= (heard.limits.get(removal.peer) ?? 0)) return;
    heard.limits.set(removal.peer, removal.upto);
    for (const entry of machine.host?.facts.ofOwner(removal.peer) ?? []) {
      if (entry.domain === ENDPOINTS && entry.seq <= removal.upto) this.#note(machine, heard, entry);
    }
  }

  /** This machine gives an address that the one who gets it did not have. */
  given(machine: SimulatedMachine, address: Ipv4): void {
    const since = this.#heard.get(machine)?.former.get(address);
    if (since === undefined) return;
    if (machine.now - since >= QUARANTINE_MS) return this.#simulation.saw('given after quarantine');
    const seconds = Math.round((machine.now - since) / 1_000);
    this.#fail(machine, `gave ${address} ${seconds} s after it heard that its holder was removed`);
  }

  stepped(machine: SimulatedMachine): void {
    const { host, peer } = machine;
    const limit = this.#heard.get(machine)?.limits.get(peer);
    if (limit === undefined || host?.state !== 'ready') return;
    const custody = host.facts.get(peer, IPAM, CUSTODY_KEY);
    if (custody === undefined) return;
    if (custody.seq <= limit) this.#fail(machine, 'keeps what it held before it was removed');
    this.#simulation.saw('removed peer goes on');
  }

  /** Somebody has it anew. */
  #forget({ former }: Heard, { key, value }: Entry): void {
    const endpoint = value && decodeEndpoint(key, value);
    if (endpoint !== undefined) former.delete(endpoint.address);
  }

  #note(machine: SimulatedMachine, { former }: Heard, { key, value }: Entry): void {
    const endpoint = value && decodeEndpoint(key, value);
    if (endpoint !== undefined && !former.has(endpoint.address)) former.set(endpoint.address, machine.now);
  }
}
