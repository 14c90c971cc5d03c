import type { PeerId, Vtep } from '../address.ts';
import type { EndpointsView } from '../endpoints/view.ts';
import type { RingView } from '../ipam/view.ts';
import type { NamesView } from '../names/view.ts';
import type { NetworksView } from '../networks/view.ts';
import type { RemovalsView } from '../removals/view.ts';
import type { Replica, Write } from '../replica.ts';
import type { TopologyView } from '../topology/view.ts';
import type { Addressing } from './addressing.ts';
import type { Agenda } from './agenda.ts';
import type { Random } from './random.ts';
import type { Shield } from './shield.ts';
import type { Effect, HostConfig, Millis } from './step.ts';

/** What the parts of a host share. The time stands still during one step. */
export interface Context {
  readonly config: HostConfig;
  readonly replica: Replica;
  readonly topology: TopologyView;
  readonly networks: NetworksView;
  readonly endpoints: EndpointsView;
  readonly names: NamesView;
  readonly ring: RingView;
  readonly removals: RemovalsView;
  readonly shield: Shield;
  readonly agenda: Agenda;
  readonly random: Random;
  now(): Millis;
  emit(effect: Effect): void;
  /** Writes own facts: they are durable before they are told. */
  write(changes: readonly Write[]): void;
  /** Makes durable what is known of others: before own facts that rely on it. */
  saveOthers(): void;
  /** MTU for the interfaces of containers. */
  mtu(): number;
  /** Where frames for a peer are sent instead of to its own address; undefined where they go straight. */
  detour(peer: PeerId): Vtep | undefined;
  /** Who is, or was last, at an address that users name, HOST:PORT. */
  peerAt(address: string): PeerId | undefined;
  /** Undefined where the mesh gives out no addresses. */
  addressing(): Addressing | undefined;
}
