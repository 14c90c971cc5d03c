import type { PeerId } from './address.ts';
import { createEndpointsView } from './endpoints/view.ts';
import { type Forwarding, forwardingOf } from './forwarding.ts';
import { createAgenda } from './host/agenda.ts';
import { type Attachments, createAttachments } from './host/attachments.ts';
import type { Context, Write } from './host/context.ts';
import { createDialling } from './host/dialling.ts';
import { createDurability } from './host/durability.ts';
import { createNeighbours } from './host/neighbours.ts';
import { createPaths } from './host/paths.ts';
import { createPresence } from './host/presence.ts';
import { createRandom } from './host/random.ts';
import { reportOf } from './host/reporting.ts';
import { createSpread } from './host/spread.ts';
import type { Command, Effect, HostConfig, Input, Millis } from './host/step.ts';
import { createNetworksView } from './networks/view.ts';
import { type Change, createReplica } from './replica.ts';
import type { Report } from './report.ts';
import { createTopologyView } from './topology/view.ts';
import { decodeMessage } from './wire.ts';

/** How long a router that knows of others waits for one of them before it writes anything. */
const ALONE_AFTER_MS = 3_000;

/** One host's whole mind: the same inputs in the same order give the same effects. */
export interface Host {
  /** `now` never goes back. */
  step(input: Input, now: Millis): readonly Effect[];
  /** What the kernel should hold now. */
  forwarding(): Forwarding;
  report(now: Millis): Report;
}

/** The host as it starts; its first effects come with its first `step`, which is an `adopted`. */
export function createHost(config: HostConfig): Host {
  let now = 0;
  let state: Report['state'] = 'joining';
  let effects: Effect[] = [];
  let woken: Millis | undefined;
  let forwardingCache: { key: string; value: Forwarding } | undefined;
  let storeTrouble: Extract<Input, { kind: 'store-trouble' }>['problem'];
  const waiting: (() => void)[] = [];
  const changedAddresses = new Set<string>();

  const emit = (effect: Effect): void => void effects.push(effect);
  const replica = createReplica({ self: config.self, crypto: config.crypto });
  const topology = createTopologyView();
  const networks = createNetworksView();
  const endpoints = createEndpointsView();
  const context: Context = {
    config,
    replica,
    topology,
    networks,
    endpoints,
    agenda: createAgenda(),
    random: createRandom(config.seed),
    now: () => now,
    emit,
    write,
    mtu: () => paths.mtu(),
  };
  const durability = createDurability(context);
  const neighbours = createNeighbours(context);
  const dialling = createDialling(context, neighbours);
  const paths = createPaths(context, peer => neighbours.get(peer) !== undefined, pathChanged);
  const presence = createPresence(context, neighbours, paths);
  const spread = createSpread(context, neighbours, ready, ahead);
  const attachments = createAttachments(context);
  for (const change of durability.restore()) learn(change);

  /** Views first, so that what follows in this step sees them as they are. */
  function learn(change: Change): void {
    const before = topology.version + networks.version + endpoints.version;
    topology.update(change);
    networks.update(change);
    const address = endpoints.update(change);
    if (address !== undefined) changedAddresses.add(address);
    if (topology.version + networks.version + endpoints.version !== before) emitForward();
  }

  function write(changes: readonly Write[]): void {
    const written = replica.write(changes);
    if (written === undefined) return;
    durability.wrote(written);
    spread.tell(written.delta);
    for (const change of written.changes) learn(change);
  }

  function emitForward(): void {
    if (!effects.some(effect => effect.kind === 'forward')) emit({ kind: 'forward' });
  }

  function pathChanged(): void {
    presence.connectionsChanged();
    emitForward();
  }

  function ready(): void {
    if (state !== 'joining') return;
    state = 'ready';
    context.agenda.cancel('alone');
    presence.announce();
    for (const command of waiting.splice(0)) command();
  }

  /** Others hold facts of ours that we never wrote: our disk was rolled back, or somebody has our key. */
  function ahead(seq: number, boot: string | undefined): void {
    if (presence.impersonated(boot)) {
      return emit({ kind: 'halt', problem: { code: 'identity-cloned', id: config.self } });
    }
    const written = replica.rebase(seq);
    durability.wrote(written);
    emit({
      kind: 'log',
      level: 'warn',
      message: 'own facts issued anew above what others hold',
      data: { seq },
    });
    spread.tell(written.delta);
  }

  function start(): void {
    dialling.start();
    spread.start();
    if (dialling.hopeful) context.agenda.plan('alone', now + ALONE_AFTER_MS, ready);
    else ready();
  }

  function command(ticket: number, wanted: Command): void {
    if (state === 'joining' && (wanted.kind === 'attach' || wanted.kind === 'detach')) {
      waiting.push(() => command(ticket, wanted));
    } else if (wanted.kind === 'attach') {
      if (storeTrouble !== undefined)
        emit({ kind: 'reply', ticket, result: { ok: false, problem: storeTrouble } });
      else attachments.attach(ticket, wanted.container, wanted.network, wanted.addresses);
    } else if (wanted.kind === 'detach') {
      attachments.detach(ticket, wanted.container, wanted.network, wanted.addresses);
    } else {
      if (wanted.kind === 'connect') dialling.connect(wanted.peers, wanted.replace);
      else if (wanted.kind === 'forget') dialling.forget(wanted.peers);
      const detached = wanted.kind === 'leave' ? leave() : [];
      emit({ kind: 'reply', ticket, result: { ok: true, value: { addresses: [], detached } } });
    }
  }

  function leave(): ReturnType<Attachments['leave']> {
    state = 'leaving';
    write(replica.ofOwner(config.self).map(({ domain, key }) => ({ domain, key, value: undefined })));
    return attachments.leave();
  }

  function message(from: PeerId, bytes: Uint8Array): void {
    neighbours.heard(from);
    const decoded = decodeMessage(bytes);
    if (decoded === undefined)
      return emit({ kind: 'hang-up', peer: from, reason: 'sent bytes that are no message' });
    const changes = spread.heard(from, decoded);
    for (const change of changes) learn(change);
    durability.learnt(changes);
    if (changes.some(change => change.domain === 'topology')) {
      paths.refresh();
      presence.check();
      dialling.review();
    }
  }

  function up({ peer, address, outbound }: Extract<Input, { kind: 'peer-up' }>): void {
    neighbours.up(peer, address, outbound);
    dialling.up(peer, address, outbound);
    spread.up(peer);
    presence.connectionsChanged();
  }

  function down({ peer, reason }: Extract<Input, { kind: 'peer-down' }>): void {
    neighbours.down(peer);
    dialling.down(peer);
    spread.down(peer);
    presence.connectionsChanged();
    emit({ kind: 'log', level: 'info', message: 'connection ended', data: { peer, reason } });
  }

  function take(input: Input): void {
    switch (input.kind) {
      case 'tick':
        return context.agenda.run(now);
      case 'adopted':
        attachments.adopt(input.attachments);
        return start();
      case 'peer-up':
        return up(input);
      case 'peer-down':
        return down(input);
      case 'message':
        return message(input.from, input.bytes);
      case 'dial-failed':
        return dialling.failed(input.address, input.problem);
      case 'command':
        return command(input.ticket, input.command);
      case 'plumbed':
        return attachments.plumbed(input.network, input.container, input.result);
      case 'container-started':
        return attachments.started(input.container);
      case 'container-died':
        return attachments.died(input.id);
      case 'container-removed':
        return attachments.removed(input.id);
      case 'path-measured':
        return paths.measured(input.peer, input.size, input.alive, input.rttMs);
      case 'store-trouble':
        storeTrouble = input.problem;
    }
  }

  function forwarding(): Forwarding {
    const key = `${topology.version} ${networks.version} ${endpoints.version} ${paths.mtu()}`;
    if (forwardingCache?.key !== key) {
      const views = { self: config.self, topology, networks, endpoints };
      forwardingCache = { key, value: forwardingOf(views, paths.mtu(), paths.full) };
    }
    return forwardingCache.value;
  }

  return {
    forwarding,
    report(at) {
      now = Math.max(now, at);
      return reportOf(context, { neighbours, dialling, paths, attachments }, state);
    },
    step(input, at) {
      now = Math.max(now, at);
      effects = [];
      take(input);
      if (changedAddresses.size > 0) {
        const keys = new Set(changedAddresses);
        changedAddresses.clear();
        attachments.settle(keys);
      }
      const next = context.agenda.next();
      if (next !== undefined && next !== woken) emit({ kind: 'wake', at: next });
      woken = next;
      return effects;
    },
  };
}
