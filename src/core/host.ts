import type { Cidr, Ipv4, PeerId } from './address.ts';
import type { Plumbed } from './endpoints/attachment.ts';
import type { Problem } from './errors.ts';
import { ForwardingView } from './forwarding/view.ts';
import { type Forwarding, withInherited } from './forwarding.ts';
import { Addressing } from './host/addressing.ts';
import { createAgenda } from './host/agenda.ts';
import type { Allocation } from './host/allocation.ts';
import { Attachments } from './host/attachments.ts';
import { Commands } from './host/commands.ts';
import { Conduct } from './host/conduct.ts';
import { Conflicts } from './host/conflicts.ts';
import type { Context } from './host/context.ts';
import { Departure } from './host/departure.ts';
import { Dialling } from './host/dialling.ts';
import { createDurability, type Durability } from './host/durability.ts';
import { Expulsion } from './host/expulsion.ts';
import { Handed } from './host/handed.ts';
import { Learning } from './host/learning.ts';
import { Naming } from './host/naming.ts';
import { createNeighbours, type Neighbours } from './host/neighbours.ts';
import { Networking } from './host/networking.ts';
import { Paths } from './host/paths.ts';
import { defaultName } from './host/peer-name.ts';
import { createPresence, type Presence } from './host/presence.ts';
import { createRandom } from './host/random.ts';
import { reportOf } from './host/reporting.ts';
import { type Learnt, NOTHING, Spread } from './host/spread.ts';
import type { Effect, HostConfig, Input, Millis } from './host/step.ts';
import { Stewardship } from './host/stewardship.ts';
import { takeBack } from './host/take-back.ts';
import { createViews } from './host/views.ts';
import { Vigil } from './host/vigil.ts';
import type { ZoneName } from './names/name.ts';
import { type Change, createReplica, type Facts, type Rebase, type Write, type Written } from './replica.ts';
import type { Report } from './report.ts';
import { TOPOLOGY } from './topology/facts.ts';
import { decodeMessage } from './wire.ts';

/** How long a router that knows of others waits for one of them before it writes anything. */
const ALONE_AFTER_MS = 3_000;

/** News of who exists are looked at together, so long after the first. */
const TOPOLOGY_SETTLES_MS = 10;

/** One host's whole mind: the same inputs in the same order give the same effects. */
export class Host {
  readonly #observe: (change: Change) => void;
  readonly #context: Context;
  readonly #forwarding: ForwardingView;
  readonly #durability: Durability;
  readonly #conduct: Conduct;
  readonly #neighbours: Neighbours;
  readonly #dialling: Dialling;
  readonly #paths: Paths;
  readonly #presence: Presence;
  readonly #vigil: Vigil;
  readonly #spread: Spread;
  readonly #attachments: Attachments;
  readonly #handed: Handed;
  readonly #networking: Networking;
  readonly #conflicts: Conflicts;
  readonly #addressing: Addressing | undefined;
  readonly #expulsion: Expulsion;
  readonly #learning: Learning;
  readonly #departure: Departure;
  readonly #stewardship: Stewardship;
  readonly #commands: Commands;
  readonly #waiting: (() => void)[] = [];
  #now: Millis = 0;
  #state: Report['state'] = 'joining';
  #synced = false;
  #effects: Effect[] = [];
  #woken: Millis | undefined;
  #inherited: Forwarding | undefined;
  #storeTrouble: Problem | undefined;

  /**
   * Takes over what the store held; the first effects come with the first `step`, which is an `adopted`. `observe` is
   * told of every change of a fact.
   */
  constructor(config: HostConfig, observe: (change: Change) => void = () => {}) {
    this.#observe = observe;
    this.#context = {
      ...createViews(config),
      config,
      replica: createReplica({ self: config.self, crypto: config.crypto, limits: config.limits ?? {} }),
      agenda: createAgenda(),
      random: createRandom(config.seed),
      now: () => this.#now,
      emit: effect => void this.#effects.push(effect),
      write: changes => this.#write(changes),
      saveOthers: () => this.#durability.flush(),
      mtu: () => this.#paths.mtu(),
      detour: peer => this.#paths.detour(peer),
      peerAt: address => this.#dialling.peerAt(address),
      addressing: () => this.#addressing,
    };
    this.#forwarding = new ForwardingView({ self: config.self, ...this.#context });
    this.#durability = createDurability(this.#context);
    this.#conduct = new Conduct(this.#context);
    this.#neighbours = createNeighbours(this.#context, peer => this.#paths.urge(peer));
    this.#dialling = new Dialling(this.#context, this.#neighbours);
    this.#paths = new Paths(this.#context, this.#neighbours, peer => this.#pathChanged(peer));
    this.#presence = createPresence(this.#context, this.#neighbours, this.#paths);
    this.#vigil = new Vigil(this.#context, this.#neighbours, this.#paths);
    this.#spread = new Spread(this.#context, this.#neighbours, this.#conduct, {
      synced: peer => {
        this.#synced = true;
        this.#vigil.synced(peer);
      },
      ahead: (seq, lost, boot) =>
        takeBack(this.#context, this.#presence, { seq, lost, boot }, how => this.#issueAnew(seq, how)),
    });
    this.#expulsion = new Expulsion(this.#context);
    this.#addressing =
      config.ipam &&
      new Addressing(
        this.#context,
        config.ipam,
        this.#neighbours,
        this.#expulsion,
        config.name ?? defaultName(this.#context, config.self),
      );
    this.#attachments = new Attachments(this.#context);
    this.#networking = new Networking(this.#context, this.#attachments);
    this.#handed = new Handed(this.#context, this.#addressing, this.#attachments, this.#networking);
    this.#conflicts = new Conflicts(this.#context, this.#attachments);
    this.#departure = new Departure(
      this.#context,
      this.#addressing,
      this.#attachments,
      this.#presence,
      this.#expulsion,
    );
    this.#stewardship = new Stewardship(
      this.#context,
      this.#addressing,
      this.#departure,
      this.#expulsion,
      above => this.#issueAnew(above, { restamp: true }),
    );
    this.#commands = this.#createCommands();
    this.#learning = new Learning(this.#context, this.#expulsion, {
      changed: change => {
        if (this.#forwarding.update(change)) this.#forward();
      },
      ring: () => this.#stewardship.changed(),
      networks: () => this.#networking.changed(),
      address: key => {
        this.#conflicts.changed(key);
        this.#addressing?.endpointChanged(key);
      },
    });
    for (const change of this.#durability.restore()) this.#learn(change);
  }

  #createCommands(): Commands {
    return new Commands(this.#context, {
      addressing: this.#addressing,
      attachments: this.#attachments,
      departure: {
        leave: done => {
          this.#state = 'leaving';
          this.#departure.leave(done);
        },
      },
      dialling: this.#dialling,
      expulsion: this.#expulsion,
      handed: this.#handed,
      naming: new Naming(this.#context, this.#attachments),
      neighbours: this.#neighbours,
      networking: this.#networking,
      paths: this.#paths,
      state: () => this.#state,
      trouble: () => this.#storeTrouble,
      whenReady: action => this.#whenReady(action),
    });
  }

  /** `now` never goes back. */
  step(input: Input, now: Millis): readonly Effect[] {
    this.#now = Math.max(this.#now, now);
    this.#effects = [];
    this.#take(input);
    this.#conflicts.review();
    this.#stewardship.review(this.#state);
    if (this.#state === 'ready') this.#networking.review(this.#effects);
    this.#conflicts.review();
    const records = this.#context.names.changes();
    if (records.length > 0) this.#context.emit({ kind: 'publish-names', records });
    const next = this.#context.agenda.next();
    if (next !== undefined && next !== this.#woken) this.#context.emit({ kind: 'wake', at: next });
    this.#woken = next;
    return this.#effects;
  }

  /** What the kernel should hold now. */
  forwarding(): Forwarding {
    const value = this.#forwarding.current(this.#paths.mtu(), this.#paths.full, this.#presence.relays());
    return this.#inherited === undefined ? value : withInherited(value, this.#inherited);
  }

  get facts(): Facts {
    return this.#context.replica;
  }

  /** The addresses that this host has given to somebody, ascending. */
  get allocations(): readonly Allocation[] {
    return this.#addressing?.all() ?? [];
  }

  /** Those of them that `owner` has. */
  allocatedTo(owner: string): readonly Cidr[] {
    return this.#addressing?.of(owner) ?? [];
  }

  /** What a name stands for on this host, ascending as text. */
  lookup(name: ZoneName): readonly Ipv4[] {
    return this.#context.names.lookup(name);
  }

  get state(): Report['state'] {
    return this.#state;
  }

  report(now: Millis): Report {
    this.#now = Math.max(this.#now, now);
    const parts = {
      neighbours: this.#neighbours,
      dialling: this.#dialling,
      paths: this.#paths,
      attachments: this.#attachments,
      expulsion: this.#expulsion,
    };
    return reportOf(this.#context, parts, this.#state);
  }

  #take(input: Input): void {
    switch (input.kind) {
      case 'tick':
        // One that comes too early (timers may) must be wished for again.
        this.#woken = undefined;
        return this.#context.agenda.run(this.#now);
      case 'adopted':
        this.#inherited = input.forwarding;
        return this.#start(input.attachments);
      case 'peer-up':
        return this.#up(input.peer, input.address, input.outbound);
      case 'peer-down':
        return this.#down(input.peer, input.reason);
      case 'message':
        return this.#message(input.from, input.bytes);
      case 'dial-failed':
        return this.#dialling.failed(input.address, input.problem);
      case 'command':
        return this.#commands.take(input.ticket, input.command);
      case 'plumbed':
        return this.#attachments.plumbed(input.network, input.container, input.sandbox, input.result);
      case 'container-started':
        return this.#whenReady(() => this.#attachments.started(input.container));
      case 'container-died':
        return this.#whenReady(() => this.#attachments.died(input.id));
      case 'container-removed':
        return this.#whenReady(() => this.#handed.containerRemoved(input.id));
      case 'path-measured':
        if (this.#paths.measured(input.peer, input.way, input.size, input.rttMs))
          this.#neighbours.answers(input.peer);
        return;
      case 'traffic':
        return this.#paths.traffic(input.to);
      case 'tunnels':
        return this.#tunnels(input.port);
      case 'stopping':
        return this.#durability.flush();
      case 'store-trouble':
        this.#storeTrouble = input.problem;
    }
  }

  #start(left: readonly Plumbed[]): void {
    this.#paths.start(this.#inherited);
    this.#forward();
    this.#expulsion.started();
    this.#attachments.adopt(left);
    this.#whenReady(() => this.#handed.resume(left));
    this.#dialling.start();
    this.#spread.start();
    this.#vigil.start();
    // What the kernel still reaches tells of others, too, where the disk doesn't: they will call.
    const isExpected = this.#inherited?.networks.some(({ stations }) => stations.length > 0) ?? false;
    if (this.#dialling.hopeful || isExpected)
      this.#context.agenda.plan('alone', this.#now + ALONE_AFTER_MS, () => this.#ready());
    else this.#ready();
  }

  /** From now on this host writes facts. */
  #ready(): void {
    if (this.#state !== 'joining') return;
    this.#state = 'ready';
    this.#inherited = undefined;
    this.#forward();
    this.#context.agenda.cancel('alone');
    this.#presence.announce();
    this.#stewardship.changed();
    for (const command of this.#waiting.splice(0)) command();
  }

  /** What may write facts, or plumb what another host holds by now, waits until the others were heard. */
  #whenReady(action: () => void): void {
    if (this.#state === 'joining') this.#waiting.push(action);
    else action();
  }

  #write(changes: readonly Write[]): void {
    const written = this.#context.replica.write(changes);
    if (written !== undefined) this.#publish(written);
  }

  #publish(written: Written): void {
    this.#durability.wrote(written);
    this.#spread.tell(written.delta);
    for (const change of written.changes) this.#learn(change);
  }

  /** Views first, so that what follows in this step sees them as they are. */
  #learn(change: Change): void {
    this.#observe(change);
    this.#learning.learn(change);
  }

  #forward(): void {
    if (!this.#effects.some(effect => effect.kind === 'forward')) this.#context.emit({ kind: 'forward' });
  }

  #pathChanged(rerouted: PeerId | undefined): void {
    if (rerouted !== undefined) this.#forwarding.reroute(rerouted);
    this.#presence.connectionsChanged();
    this.#forward();
  }

  #tunnels(port: number | undefined): void {
    if (!this.#context.shield.set(port)) return;
    this.#forwarding.rerouteAll();
    this.#paths.refresh();
    this.#presence.changed();
    this.#forward();
  }

  #message(from: PeerId, bytes: Uint8Array): void {
    this.#neighbours.heard(from);
    const { changes, news } = this.#read(from, bytes);
    if (!news) this.#context.emit({ kind: 'withhold' });
    for (const change of changes) this.#learn(change);
    this.#durability.learnt(changes);
    // Only now do the views know what the sync has brought: commands that waited for it must see that.
    if (this.#synced) this.#ready();
    if (!changes.some(change => change.domain === TOPOLOGY)) return;
    // Topology comes in bursts, and each of these looks at all peers.
    this.#context.agenda.plan('topology', this.#now + TOPOLOGY_SETTLES_MS, () => {
      this.#paths.refresh();
      this.#presence.check();
      this.#dialling.review();
      this.#stewardship.changed();
    });
  }

  #read(from: PeerId, bytes: Uint8Array): Learnt {
    if (!this.#conduct.admits(from, bytes.length)) return NOTHING;
    const decoded = (this.#context.config.decode ?? decodeMessage)(bytes);
    if (decoded !== undefined) return this.#spread.heard(from, decoded);
    this.#conduct.breach(from, 'sent bytes that are no message');
    return NOTHING;
  }

  #issueAnew(seq: number, how: Rebase): void {
    this.#publish(this.#context.replica.rebase(seq, how));
  }

  #up(peer: PeerId, address: string, outbound: boolean): void {
    if (this.#state === 'leaving' && this.#departure.refuses(peer)) return;
    this.#conduct.changed(peer);
    this.#neighbours.up(peer, address, outbound);
    this.#vigil.up(peer);
    this.#dialling.up(peer, address, outbound);
    this.#spread.up(peer);
    this.#stewardship.changed();
    this.#presence.connectionsChanged();
  }

  #down(peer: PeerId, reason: string): void {
    this.#conduct.changed(peer);
    this.#neighbours.down(peer);
    this.#paths.urge(peer);
    this.#dialling.down(peer);
    this.#spread.down(peer);
    this.#presence.connectionsChanged();
    this.#context.emit({ kind: 'log', level: 'info', message: 'connection ended', data: { peer, reason } });
  }
}
