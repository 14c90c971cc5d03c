import type { Cidr, PeerId } from '../address.ts';
import { isContainerId } from '../endpoints/engine-id.ts';
import type { Problem, Result } from '../errors.ts';
import type { Report } from '../report.ts';
import type { Addressing } from './addressing.ts';
import type { Attachments } from './attachments.ts';
import type { Context } from './context.ts';
import type { Departure } from './departure.ts';
import type { Dialling } from './dialling.ts';
import type { Expulsion } from './expulsion.ts';
import type { Handed } from './handed.ts';
import type { Naming } from './naming.ts';
import type { Neighbours } from './neighbours.ts';
import type { Networking } from './networking.ts';
import type { Paths } from './paths.ts';
import { answerAddressCommand, provide } from './provision.ts';
import { repair } from './repair.ts';
import type { Command, Reply } from './step.ts';

export interface CommandParts {
  readonly addressing: Addressing | undefined;
  readonly attachments: Attachments;
  readonly departure: Pick<Departure, 'leave'>;
  readonly dialling: Dialling;
  readonly expulsion: Expulsion;
  readonly handed: Handed;
  readonly naming: Naming;
  readonly neighbours: Neighbours;
  readonly networking: Networking;
  readonly paths: Paths;
  state(): Report['state'];
  /** Why nothing can be stored now. */
  trouble(): Problem | undefined;
  /** Does it at once, or when the others have been heard. */
  whenReady(action: () => void): void;
}

/** What users ask of this host. */
export class Commands {
  readonly #context: Context;
  readonly #parts: CommandParts;
  /** Containers for which somebody waits for addresses. */
  readonly #provided = new Set<string>();

  constructor(context: Context, parts: CommandParts) {
    this.#context = context;
    this.#parts = parts;
  }

  take(ticket: number, command: Command): void {
    const { dialling, state, whenReady } = this.#parts;
    const answer = (result: Result<Reply>): void => this.#context.emit({ kind: 'reply', ticket, result });
    const done: Result<Reply> = { ok: true, value: { addresses: [], detached: [] } };
    // Whom to dial needs nobody's word; everything else waits for what the others have to say.
    if (command.kind === 'connect') {
      dialling.connect(command.peers, command.replace);
      return answer(done);
    }
    if (command.kind === 'forget') {
      dialling.forget(command.peers);
      return answer(done);
    }
    if (state() === 'leaving' && command.kind !== 'leave')
      return answer({ ok: false, problem: { code: 'router-leaving' } });
    whenReady(() => this.#carryOut(ticket, command, answer));
  }

  #carryOut(
    ticket: number,
    command: Exclude<Command, { kind: 'connect' | 'forget' }>,
    answer: (result: Result<Reply>) => void,
  ): void {
    const { addressing, attachments, departure, handed, networking, trouble } = this.#parts;
    const problem = trouble();
    switch (command.kind) {
      case 'attach':
        return problem === undefined ? this.#attach(ticket, command) : answer({ ok: false, problem });
      case 'detach':
        return attachments.detach(ticket, command.container, command.network, command.addresses);
      case 'allocate':
      case 'claim':
      case 'release':
        if (problem !== undefined && command.kind !== 'release') return answer({ ok: false, problem });
        // What it is given ends with it.
        if (isContainerId(command.owner)) this.#context.emit({ kind: 'follow', container: command.owner });
        return answerAddressCommand(addressing, this.#context.config.ipam, command, result => {
          if (command.kind === 'release' && result.ok) handed.released(command.owner, result.value.addresses);
          answer(result);
        });
      case 'name':
      case 'unname':
        if (problem !== undefined) return answer({ ok: false, problem });
        return answer(this.#parts.naming.carryOut(command));
      case 'create-network':
        return answer(problem === undefined ? networking.create(command.network) : { ok: false, problem });
      case 'remove-network':
        return answer(problem === undefined ? networking.remove(command.network) : { ok: false, problem });
      case 'prime':
        if (addressing === undefined) return answer({ ok: false, problem: { code: 'ipam-off' } });
        return addressing.prime(result =>
          answer(result.ok ? { ok: true, value: { addresses: [], detached: [] } } : result),
        );
      case 'reserve-subnet':
      case 'return-subnet':
      case 'check-network':
      case 'reserve-address':
      case 'return-address':
      case 'create-endpoint':
      case 'join-endpoint':
      case 'delete-endpoint':
      case 'name-endpoint':
        return handed.carryOut(command, problem, answer, attach => this.#attach(ticket, attach));
      case 'remove-peer':
        return answer(this.#remove(command.peer, command.force));
      case 'repair':
        if (problem !== undefined) return answer({ ok: false, problem });
        return repair({ addressing, attachments, busy: this.#provided }, command.dryRun, answer);
      case 'leave':
        return departure.leave(detached => answer({ ok: true, value: { addresses: [], detached } }));
    }
  }

  #attach(ticket: number, command: Extract<Command, { kind: 'attach' }>): void {
    const { addressing, attachments } = this.#parts;
    const { container, network } = command;
    const space = this.#context.networks.get(network);
    if (space === undefined) {
      const problem: Problem = { code: 'network-unknown', network };
      return this.#context.emit({ kind: 'reply', ticket, result: { ok: false, problem } });
    }
    const busy = attachments.isWaiting(network, container.id) || this.#provided.has(container.id);
    if (busy) {
      const problem: Problem = { code: 'container-busy', container: container.name };
      return this.#context.emit({ kind: 'reply', ticket, result: { ok: false, problem } });
    }
    const before = attachments.sandboxOf(network, container.id);
    this.#provided.add(container.id);
    provide(addressing, this.#context.config.ipam, command, space, result => {
      this.#provided.delete(container.id);
      const isLost = (cidr: Cidr): boolean =>
        addressing?.manages(cidr.address) === true && addressing.ownerOf(cidr.address) !== container.id;
      if (
        result.ok &&
        (attachments.sandboxOf(network, container.id) !== before || result.value.some(isLost))
      ) {
        // It ended, or started again, while it waited for an address from elsewhere.
        addressing?.release(container.id, false);
        const problem: Problem = { code: 'container-gone', container: container.name };
        this.#context.emit({ kind: 'reply', ticket, result: { ok: false, problem } });
      } else if (result.ok) attachments.attach(ticket, command, result.value);
      else this.#context.emit({ kind: 'reply', ticket, result });
    });
  }

  #remove(peer: PeerId, force: boolean): Result<Reply> {
    const name = this.#context.topology.host(peer)?.nickname ?? peer;
    const how = this.#lifeOf(peer);
    if (how !== undefined && !force) return { ok: false, problem: { code: 'peer-alive', peer: name, how } };
    const removed = this.#parts.expulsion.remove(peer);
    if (removed === undefined) return { ok: false, problem: { code: 'peer-unknown', peer: name } };
    return { ok: true, value: { addresses: [], detached: [], removed } };
  }

  /** Why a peer is not gone, for a person. */
  #lifeOf(peer: PeerId): string | undefined {
    const { addressing, neighbours, paths } = this.#parts;
    if (peer === this.#context.config.self) return 'it is this router itself';
    if (neighbours.get(peer) !== undefined || addressing?.reaches(peer)) return 'its router is connected';
    return paths.alive(peer) ? 'its host answers' : undefined;
  }
}
