import { type Cidr, compare, formatCidr, type Ipv4, subnetOf } from '../address.ts';
import type { Plumbed } from '../endpoints/attachment.ts';
import { endpointKey } from '../endpoints/endpoint.ts';
import { type Problem, type Result, refuse } from '../errors.ts';
import { deviceOn, mtuOn, type Network } from '../networks/network.ts';
import { checkAddresses, freeMac, pendingElsewhere, yielded } from './attachable.ts';
import { always, type Called, namesFrom, renamed, union } from './called.ts';
import type { Context } from './context.ts';
import {
  claim,
  decodeRecord,
  detachedOf,
  encodeRecord,
  findHeld,
  type Held,
  LAPSE_MS,
  lapse,
  merge,
  newlyHeld,
  recordKey,
  replied,
  same,
  withdraw,
} from './held.ts';
import { calledWith, endpointReply, legOf, plainWith } from './leg.ts';
import { type Dormant, dormantIn, type Lost, lostIn, standing } from './shortfall.ts';
import type { Command, Detached, Sandbox } from './step.ts';

/** Which containers of this host hold which addresses: what the user asked for, and what of it the kernel has. */
export class Attachments {
  readonly #context: Context;
  readonly #all = new Map<string, Held>();

  constructor(context: Context) {
    this.#context = context;
    for (const [key, bytes] of context.config.records) {
      const held = decodeRecord(key, bytes);
      if (held !== undefined) this.#all.set(recordKey(held), held);
    }
  }

  /** Where a container that is attached runs now; undefined where it doesn't. */
  sandboxOf(network: string, container: string): string | undefined {
    return this.#all.get(recordKey({ network, container }))?.sandbox;
  }

  /** Of a container for which none `isWaiting`. */
  attach(ticket: number, command: Extract<Command, { kind: 'attach' }>, given: readonly Cidr[]): void {
    const context = this.#context;
    const { container, network: networkName } = command;
    const answer = (problem: Problem): void => {
      context.addressing()?.release(container.id, false);
      context.emit({ kind: 'reply', ticket, result: { ok: false, problem } });
    };
    const network = context.networks.get(networkName);
    if (network === undefined) return answer({ code: 'network-unknown', network: networkName });
    const known = this.#all.get(recordKey({ network: networkName, container: container.id }));
    if (context.config.yields)
      for (const held of yielded(this.#all, networkName, container, given)) this.#store(held);
    const problem =
      checkAddresses(context, network, container.id, given) ??
      pendingElsewhere(this.#all, networkName, container, given);
    if (problem !== undefined) return answer(problem);
    const addresses = merge([], given);
    const mac = command.mac ?? freeMac(context, network, addresses[0]!.address);
    const held = known ?? newlyHeld(network, container, mac);
    this.#all.set(recordKey(held), held);
    held.sandbox = container.sandbox;
    if (known === undefined) held.known = namesFrom(container, context.config);
    const own = known !== undefined || command.nameless ? [] : held.known;
    const called = [...always(own), ...calledWith(held, command, addresses)];
    const unicast = command.unicast ?? held.unicast;
    held.waiting = { ticket, addresses, called, plain: plainWith(held, command, addresses), unicast };
    this.#plumb(held, network, merge(standing(this.#context, held), addresses));
  }

  /** What is attached here under a name, an id or its prefix. */
  find(network: string, name: string): Readonly<Held> | undefined {
    return findHeld(this.#all, network, name);
  }

  /** What has an address here, whether it runs or not. */
  holding(network: string, address: Ipv4): Readonly<Held> | undefined {
    return [...this.#all.values()].find(
      held => held.network === network && held.addresses.some(own => own.address === address),
    );
  }

  /** Everything that is attached here, or comes back when it runs again. */
  all(): readonly Readonly<Held>[] {
    return [...this.#all.values()];
  }

  /** The engine has taken it to this namespace. */
  joined({ network, container }: Pick<Held, 'network' | 'container'>, sandbox: string): void {
    const held = this.#all.get(recordKey({ network, container }));
    if (held === undefined || held.joined === sandbox) return;
    held.joined = sandbox;
    this.#store(held);
    const space = this.#context.networks.get(network);
    if (held.plumbed && space) this.#plumb(held, space, held.plumbed.addresses);
  }

  /** Names it so from now on, and says so where it runs. */
  call({ network, container }: Pick<Held, 'network' | 'container'>, called: readonly Called[]): void {
    const held = this.#all.get(recordKey({ network, container }));
    if (held === undefined) return;
    held.called = called;
    this.#store(held);
    if (held.sandbox !== undefined && held.waiting === undefined)
      this.#context.write(held.addresses.map(address => claim(held, address)));
  }

  /** Its runtime may call it something else by now. */
  #recall(held: Held, container: Sandbox): void {
    const names = namesFrom(container, this.#context.config);
    if (names.join() === held.known.join() && container.name === held.containerName) return;
    held.containerName = container.name;
    held.called = renamed(held, names);
    held.known = names;
    this.#store(held);
  }

  /** Whether the kernel has yet to answer an `attach` of this container. */
  isWaiting(network: string, container: string): boolean {
    return this.#all.get(recordKey({ network, container }))?.waiting !== undefined;
  }

  /** All addresses of the container where none is named. */
  detach(ticket: number, name: string, network: string, addresses: readonly Cidr[]): void {
    const { emit, write } = this.#context;
    const held = findHeld(this.#all, network, name);
    const missing = addresses.find(({ address }) => !held?.addresses.some(own => own.address === address));
    if (held === undefined || held.waiting !== undefined || missing !== undefined) {
      const address = missing && formatCidr(missing);
      return emit({
        kind: 'reply',
        ticket,
        result: refuse({ code: 'not-attached', container: name, address }),
      });
    }
    const named = (own: Cidr): boolean => addresses.some(one => one.address === own.address);
    const gone = held.addresses.filter(own => addresses.length === 0 || named(own));
    held.addresses = held.addresses.filter(own => !gone.includes(own));
    const isGone = (address: Ipv4 | undefined): boolean => gone.some(one => one.address === address);
    held.plain = held.plain.filter(address => !isGone(address));
    held.called = held.called.filter(({ address }) => !isGone(address));
    this.#store(held);
    write(withdraw(held, gone));
    this.#free(held.container, gone);
    if (held.addresses.length === 0) this.#unplumb(held);
    else this.#settle(held);
    emit({ kind: 'reply', ticket, result: replied(gone) });
  }

  /** The kernel's answer to a `plumb`. */
  plumbed(network: string, container: string, sandbox: string, result: Result<void>): void {
    const { emit, write } = this.#context;
    const held = this.#all.get(recordKey({ network, container }));
    if (held === undefined) return emit({ kind: 'unplumb', network, container });
    // One about a namespace that the container has left says nothing of the one it has now.
    if (held.asked?.sandbox !== sandbox) return;
    held.plumbed = result.ok ? held.asked : undefined;
    held.asked = undefined;
    held.problem = result.ok ? undefined : result.problem;
    if (held.waiting !== undefined) return this.#conclude(held, held.waiting, held.problem);
    if (result.ok) return;
    const data = { container: held.containerName, problem: result.problem.code };
    emit({ kind: 'log', level: 'warn', message: 'container could not be plumbed', data });
    write(withdraw(held, held.addresses));
  }

  /** Follows what is held, and takes out what an earlier router left that is held no more. */
  adopt(found: readonly Plumbed[]): void {
    for (const { network, container } of found) {
      const held = this.#all.get(recordKey({ network, container }));
      if (held !== undefined) held.inherited = true;
      else this.#context.emit({ kind: 'unplumb', network, container });
    }
    for (const held of this.#all.values()) this.#context.emit({ kind: 'follow', container: held.container });
  }

  started(container: Sandbox): void {
    for (const held of this.#of(container.id)) {
      if (held.waiting !== undefined && held.sandbox === container.sandbox) continue;
      if (held.waiting !== undefined) this.#interrupt(held);
      if (held.sandbox !== undefined && held.sandbox !== container.sandbox) this.#unplumb(held);
      held.sandbox = container.sandbox;
      this.#recall(held, container);
      this.#context.agenda.cancel(lapse(container.id));
      this.#context.write(held.addresses.map(address => claim(held, address)));
      this.#settle(held);
      if (held.lapsed.length > 0) this.#renew(held);
    }
  }

  died(id: string): void {
    const { agenda, now } = this.#context;
    agenda.plan(lapse(id), now() + LAPSE_MS, () => this.#lapse(id));
    for (const held of this.#of(id)) {
      held.plumbed = undefined;
      held.asked = undefined;
      this.#interrupt(held);
      this.#context.write(withdraw(held, held.addresses));
      // Also where this router never plumbed it: an earlier one may have.
      this.#context.emit({ kind: 'unplumb', network: held.network, container: held.container });
    }
  }

  /** The kernel's answer will be about a container that is no more: who waits for it is answered now. */
  #interrupt(held: Held): void {
    held.sandbox = undefined;
    const gone: Problem = { code: 'container-gone', container: held.containerName };
    if (held.waiting !== undefined) this.#conclude(held, held.waiting, gone);
  }

  removed(id: string): void {
    this.died(id);
    for (const held of this.#of(id)) {
      held.addresses = [];
      held.lapsed = [];
      this.#store(held);
    }
    this.#context.agenda.cancel(lapse(id));
    this.#context.addressing()?.release(id, true);
  }

  /** It has been down for so long that others may have its addresses; once it is back it gets new ones. */
  #lapse(id: string): void {
    const addressing = this.#context.addressing();
    for (const held of this.#of(id)) {
      if (held.sandbox !== undefined) continue;
      const managed = held.addresses.filter(({ address }) => addressing?.manages(address));
      if (managed.length === 0) continue;
      held.addresses = held.addresses.filter(cidr => !managed.includes(cidr));
      held.lapsed = [...held.lapsed, ...managed];
      this.#store(held);
      // Not what else it is being given at this moment.
      this.#free(id, managed);
    }
  }

  /** Gives a container new addresses for those that it lost while it was down. */
  #renew(held: Held): void {
    const addressing = this.#context.addressing();
    const { lapsed } = held;
    held.lapsed = [];
    for (const cidr of lapsed) {
      addressing?.allocate(held.container, subnetOf(cidr), result => {
        if (!result.ok || held.sandbox === undefined) {
          held.lapsed = [...held.lapsed, cidr];
          held.problem = result.ok ? undefined : result.problem;
          return addressing.release(held.container, false);
        }
        held.addresses = merge(held.addresses, [result.value]);
        addressing.keep(held.container, [result.value]);
        this.#store(held);
        this.#context.write([claim(held, result.value)]);
        this.#settle(held);
      });
    }
  }

  #free(container: string, addresses: readonly Cidr[]): void {
    const only = addresses.map(({ address }) => address);
    this.#context.addressing()?.release(container, true, only);
  }

  /** Looks at who holds these addresses now, and plumbs or unplumbs as that asks. */
  settle(keys: ReadonlySet<string>): void {
    for (const held of this.#all.values()) {
      if (held.addresses.some(({ address }) => keys.has(endpointKey(held.network, address))))
        this.#settle(held);
    }
  }

  /** Detaches everything; gives what was attached, sorted by name. */
  leave(): readonly Detached[] {
    for (const held of this.#all.values())
      if (held.waiting !== undefined) this.#conclude(held, held.waiting, { code: 'router-leaving' });
    const left = [...this.#all.values()].sort((a, b) => compare(a.containerName, b.containerName));
    for (const held of left) this.#unplumb(held);
    this.#context.emit({ kind: 'persist', records: new Map(left.map(held => [recordKey(held), undefined])) });
    this.#all.clear();
    return left.map(detachedOf);
  }

  dormant(): readonly Dormant[] {
    return dormantIn(this.#context, [...this.#all.values()]);
  }

  lost(): readonly Lost[] {
    return lostIn(this.#context, [...this.#all.values()]);
  }

  addressesOf(network: string, container: string): readonly Cidr[] {
    return this.#all.get(recordKey({ network, container }))?.addresses ?? [];
  }

  /** Takes an address off a container and gives it another; false where it has no such address, or doesn't run. */
  exchange(network: string, container: string, before: Cidr, after: Cidr): boolean {
    const held = this.#all.get(recordKey({ network, container }));
    if (held?.sandbox === undefined || !held.addresses.includes(before)) return false;
    held.addresses = held.addresses.map(cidr => (cidr === before ? after : cidr));
    this.#context.addressing()?.keep(container, [after]);
    this.#store(held);
    this.#context.write([claim(held, after), ...withdraw(held, [before])]);
    this.#free(container, [before]);
    this.#settle(held);
    return true;
  }

  /** The kernel has the interface of an `attach`: now it may be told, unless somebody was faster. */
  #conclude(held: Held, waiting: NonNullable<Held['waiting']>, problem: Problem | undefined): void {
    const { emit, networks, write } = this.#context;
    const { ticket, addresses, called, plain, unicast } = waiting;
    const network = networks.get(held.network)!;
    const refused = problem ?? checkAddresses(this.#context, network, held.container, addresses);
    held.waiting = undefined;
    if (refused !== undefined) {
      if (held.addresses.length === 0) {
        this.#unplumb(held);
        this.#all.delete(recordKey(held));
      } else this.#settle(held);
      this.#context.addressing()?.release(held.container, false);
      return emit({ kind: 'reply', ticket, result: { ok: false, problem: refused } });
    }
    this.#context.addressing()?.keep(held.container, addresses);
    const [all, names] = [merge(held.addresses, addresses), union(held.called, called)];
    const isSame = all.length === held.addresses.length && plain.join() === held.plain.join();
    if (!isSame || names.length > held.called.length || unicast !== held.unicast) {
      held.addresses = all;
      held.called = names;
      Object.assign(held, { plain, unicast });
      this.#store(held);
    }
    write(held.addresses.map(address => claim(held, address)));
    emit({ kind: 'follow', container: held.container });
    emit({ kind: 'reply', ticket, result: replied(addresses, endpointReply(held, network)) });
  }

  #of(id: string): readonly Held[] {
    return [...this.#all.values()].filter(held => held.container === id);
  }

  /** Brings the kernel to the addresses that stand. */
  #settle(held: Held): void {
    const network = this.#context.networks.get(held.network);
    if (held.waiting !== undefined || held.sandbox === undefined || network === undefined) return;
    this.#part(held, network);
    const wanted = standing(this.#context, held);
    const now = held.asked ?? held.plumbed;
    if (wanted.length === 0) this.#unplumb(held);
    else if (now?.sandbox !== held.sandbox || now.mac !== held.mac || !same(now.addresses, wanted)) {
      this.#plumb(held, network, wanted);
    }
  }

  /** Who holds an address that this container lost may have the same MAC, which goes with the address: it keeps it. */
  #part(held: Held, network: Network): void {
    const { config, endpoints, write } = this.#context;
    const holders = held.addresses.map(({ address }) => endpoints.holder(held.network, address));
    const isShared = holders.some(
      holder => holder !== undefined && holder.owner !== config.self && holder.endpoint.mac === held.mac,
    );
    if (!isShared) return;
    held.mac = freeMac(this.#context, network, held.addresses[0]!.address);
    this.#store(held);
    write(held.addresses.map(address => claim(held, address)));
  }

  #plumb(held: Held, network: Network, addresses: readonly Cidr[]): void {
    if (held.sandbox === undefined) return;
    const { config, emit, mtu } = this.#context;
    const { container, mac, sandbox } = held;
    const { name, vni } = network;
    const own = legOf(held, addresses, { ...config, device: deviceOn(network, config.device) });
    const size = mtuOn(network, mtu());
    const attachment = { network: name, vni, container, sandbox, mac, mtu: size, addresses, ...own };
    held.asked = attachment;
    emit({ kind: 'plumb', attachment });
  }

  #unplumb(held: Held): void {
    if (held.plumbed === undefined && held.asked === undefined && !held.inherited) return;
    held.plumbed = undefined;
    held.asked = undefined;
    held.inherited = false;
    this.#context.emit({ kind: 'unplumb', network: held.network, container: held.container });
  }

  /** Keeps the record, or drops it where no address is left. */
  #store(held: Held): void {
    const isEmpty = held.addresses.length === 0 && held.lapsed.length === 0;
    const value = isEmpty ? undefined : encodeRecord(held);
    if (value === undefined) this.#all.delete(recordKey(held));
    else this.#all.set(recordKey(held), held);
    this.#context.emit({ kind: 'persist', records: new Map([[recordKey(held), value]]) });
  }
}
