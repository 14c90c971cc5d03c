import type { NetworkRequest } from '../api/control/contract.ts';
import {
  ENCRYPTED_OPTION,
  isEncrypted,
  isUnicast,
  MTU_OPTION,
  MTU_OPTIONS,
  NAME_OPTION,
} from '../api/plugin/network-options.ts';
import { formatCidr, parseCidr, serviceAddress } from '../core/address.ts';
import { describe, type Problem, type Result } from '../core/errors.ts';
import type { Command, Reply } from '../core/host/step.ts';
import { DEFAULT_NETWORK, type Network } from '../core/networks/network.ts';
import type {
  ContainerNetworks,
  EngineNetwork,
  EngineNetworkEvent,
  EngineNetworkSpec,
} from '../ports/container-networks.ts';
import type { Log } from '../ports/log.ts';
import { readNetwork } from './network-handlers.ts';

/** Characters of a network's id. */
const ID_LENGTH = 16;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** Who made a network waits so long at most for the engine to have it. */
const PATIENCE_MS = 5_000;

export interface DockerNetworksParts {
  readonly networks: ContainerNetworks;
  readonly driver: string;
  /** What the engine calls the network that every host has; all others are called as in the mesh. */
  readonly defaultName: string;
  /** Whether containers have a route for multicast is what users say with this option. */
  readonly multicastOption: string;
  readonly log: Log;
  ask(command: Command): Promise<Result<Reply>>;
}

/**
 * Brings the engine's networks to those of the mesh, and tells the mesh of what users did to them past the proxy: one that they
 * made is made everywhere, one that they removed is removed everywhere, or made again here where that can't be.
 */
export class DockerNetworks {
  readonly #parts: DockerNetworksParts;
  readonly #said = new Map<string, string>();
  /** Ids of those that are being removed here: their end is not a user's doing. */
  readonly #leaving = new Set<string>();
  #wanted: readonly Network[] | undefined;
  /** Ids of those that a user made and the mesh has, or had: gone from the mesh, they go here too. */
  #adopted = new Set<string>();
  /** Names in the mesh by the engine's ids; until its end is heard, also of one that the engine has no more. */
  readonly #names = new Map<string, string>();
  /** Ids of those without a route for multicast. */
  readonly #unicast = new Set<string>();
  #running: Promise<void> | undefined;
  #isDue = false;
  #retry: NodeJS.Timeout | undefined;
  #delay = FIRST_RETRY_MS;
  #stopWatching: () => void = () => {};
  #stopped = false;

  constructor(parts: DockerNetworksParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopWatching = this.#parts.networks.watch(event => void this.#heard(event));
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatching();
    clearTimeout(this.#retry);
  }

  /** These are all that the mesh has now. */
  want(networks: readonly Network[]): void {
    this.#wanted = networks;
    void this.#review();
  }

  /** Whether containers of the engine's network get no route for multicast. */
  async isUnicast(id: string): Promise<boolean> {
    if (!this.#names.has(id)) await this.settled();
    return this.#unicast.has(id);
  }

  /** Resolves when the engine has what is wanted now, as far as that can be; in time also where it does not answer. */
  async settled(): Promise<void> {
    const patience = new Promise<void>(resolve => setTimeout(resolve, PATIENCE_MS).unref());
    await Promise.race([this.#review(), patience]);
  }

  async #heard(event: EngineNetworkEvent): Promise<void> {
    if (event.kind === 'removed') await this.#removed(event.id);
    this.#delay = FIRST_RETRY_MS;
    void this.#review();
  }

  /** A user has removed one that the mesh has: it goes everywhere, unless it is in use. */
  async #removed(id: string): Promise<void> {
    const name = this.#names.get(id);
    this.#names.delete(id);
    this.#unicast.delete(id);
    if (this.#leaving.delete(id) || name === undefined || !this.#find(name)) return;
    const reply = await this.#parts.ask({ kind: 'remove-network', network: name });
    if (reply.ok || reply.problem.code === 'network-unknown') return;
    const why = describe(reply.problem);
    this.#parts.log.warn('a network that was removed from the engine is made again', { network: name, why });
  }

  #find(name: string): Network | undefined {
    return this.#wanted?.find(network => network.name === name);
  }

  /** One review at a time; what comes meanwhile is looked at after it. */
  async #review(): Promise<void> {
    this.#isDue = true;
    while (this.#isDue && !this.#stopped) {
      if (this.#running === undefined) {
        this.#isDue = false;
        this.#running = this.#settle().then(isFine => {
          this.#running = undefined;
          this.#again(isFine);
        });
      }
      await this.#running;
    }
  }

  /** What could not be done is tried again, less and less often. */
  #again(isFine: boolean): void {
    clearTimeout(this.#retry);
    if (isFine) this.#delay = FIRST_RETRY_MS;
    if (isFine || this.#stopped) return;
    this.#retry = setTimeout(() => void this.#review(), this.#delay).unref();
    this.#delay = Math.min(this.#delay * 2, LONGEST_RETRY_MS);
  }

  /** Gives whether all is as it should be. */
  async #settle(): Promise<boolean> {
    const wanted = this.#wanted;
    const listed = wanted === undefined ? undefined : await this.#parts.networks.list();
    if (wanted === undefined || listed === undefined) return true;
    // A new `look-again` comes with the engine.
    if (!listed.ok) return listed.problem.code === 'docker-unreachable';
    const ours = listed.value.filter(({ driver }) => driver === this.#parts.driver);
    this.#adopted = new Set(ours.map(({ id }) => id).filter(id => this.#adopted.has(id)));
    for (const { id, name, options } of ours) {
      this.#names.set(id, options[NAME_OPTION] ?? name);
      if (isUnicast(options, this.#parts.multicastOption)) this.#unicast.add(id);
    }
    const isFine: boolean[] = [];
    const rest = new Set(listed.value);
    for (const found of ours) {
      if (await this.#stays(found)) continue;
      const isGone = await this.#remove(found);
      isFine.push(isGone);
      if (isGone) rest.delete(found);
    }
    for (const network of wanted) {
      // It may have been removed meanwhile.
      if (this.#find(network.name)?.id !== network.id) continue;
      const twin = [...rest].find(({ name }) => name === this.#called(network));
      isFine.push(twin === undefined ? await this.#make(network) : this.#accept(twin));
    }
    return isFine.every(Boolean);
  }

  /** Whether one that the engine has of ours is one of the mesh, or has become that by this. */
  async #stays(found: EngineNetwork): Promise<boolean> {
    const network = this.#find(found.options[NAME_OPTION] ?? found.name);
    const isMade = found.options[NAME_OPTION] === undefined;
    if (network === undefined) return isMade && !this.#adopted.has(found.id) && this.#adopt(found);
    const isSame = network.subnets.map(formatCidr).join() === found.subnets.join();
    if (isSame && isMade) this.#adopted.add(found.id);
    return isSame;
  }

  /** Known by the engine's id: one that was removed while this router was down is not made once more. */
  async #adopt(found: EngineNetwork): Promise<boolean> {
    const { name } = found;
    const wish = readNetwork(requestOf(found));
    const network = wish.ok && { ...wish.value, id: found.id.slice(0, ID_LENGTH) };
    const reply = network ? await this.#parts.ask({ kind: 'create-network', network }) : wish;
    if (reply.ok || reply.problem.code === 'network-removed') return reply.ok;
    this.#say(
      name,
      'a network that was made past the proxy can not be one of the mesh; it is removed',
      reply.problem,
    );
    return false;
  }

  async #remove(found: EngineNetwork): Promise<boolean> {
    this.#leaving.add(found.id);
    const removed = await this.#parts.networks.remove(found.id);
    if (removed.ok) return true;
    this.#leaving.delete(found.id);
    this.#say(
      found.name,
      'a network that the mesh has no more can not be removed from the engine',
      removed.problem,
    );
    return false;
  }

  async #make(network: Network): Promise<boolean> {
    const made = await this.#parts.networks.create(
      specOf(network, this.#called(network), this.#parts.driver),
    );
    if (made.ok) this.#said.delete(network.name);
    else this.#say(network.name, 'the engine can not have a network of the mesh', made.problem);
    return made.ok;
  }

  /** One with the name of the mesh's: a user's own, of another driver, is left alone. */
  #accept({ driver, name }: EngineNetwork): true {
    const why = `this host has one of its own, of driver ${driver}`;
    if (driver === this.#parts.driver) this.#said.delete(name);
    else
      this.#say(name, 'the engine can not have a network of the mesh', {
        code: 'network-refused',
        network: name,
        why,
      });
    return true;
  }

  #called({ name }: Network): string {
    return name === DEFAULT_NETWORK.name ? this.#parts.defaultName : name;
  }

  /** Once for each reason. */
  #say(network: string, message: string, problem: Problem): void {
    const why = describe(problem);
    if (this.#said.get(network) === why) return;
    this.#said.set(network, why);
    this.#parts.log.warn(message, { network, why });
  }
}

/** As the engine is to have it. */
function specOf(network: Network, name: string, driver: string): EngineNetworkSpec {
  const { aux = {}, encrypted, gateway, internal = false, labels = {}, mtu, range, subnets } = network;
  return {
    name,
    driver,
    subnets: subnets.map(formatCidr),
    range: range && formatCidr(range),
    gateway,
    aux,
    internal,
    labels,
    options: {
      [NAME_OPTION]: network.name,
      ...(mtu !== undefined && { [MTU_OPTION]: `${mtu}` }),
      ...(encrypted && { [ENCRYPTED_OPTION]: 'true' }),
    },
  };
}

/** What a user made with the engine, as the mesh takes it. The gateway that every network has is none of the user's. */
function requestOf(found: EngineNetwork): NetworkRequest {
  const { aux, gateway, internal, labels, name, options, range, subnets } = found;
  const mtu = MTU_OPTIONS.map(option => options[option]).find(value => value !== undefined);
  const isOwn = subnets.some(text => {
    const subnet = parseCidr(text);
    return subnet !== undefined && serviceAddress(subnet) === gateway;
  });
  return {
    ...{ name, subnets, range, aux, internal, labels },
    ...(!isOwn && { gateway }),
    ...(mtu !== undefined && { mtu: Number(mtu) }),
    ...(isEncrypted(options) && { encrypted: true }),
  };
}
