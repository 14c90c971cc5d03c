import { fromNumber, type Ipv4, type PeerId, toNumber } from '../address.ts';
import type { Relay } from '../forwarding.ts';
import { CONTROL_NETWORK } from '../networks/network.ts';
import type { Write } from '../replica.ts';
import {
  type ConnectionFact,
  connectionKey,
  connectionPeer,
  encodeConnection,
  encodeHost,
  HOST_KEY,
  type HostFact,
  TOPOLOGY,
} from '../topology/facts.ts';
import type { Context } from './context.ts';
import type { Neighbours } from './neighbours.ts';
import type { Paths } from './paths.ts';
import { defaultName } from './peer-name.ts';
import { RelayPorts } from './relays.ts';
import type { Millis } from './step.ts';

/** Connections come and go in bursts; what they amount to is told together. */
const SETTLE_MS = 100;
/** Everybody hears of every connection: the more hosts there are, the longer each waits until it tells of its own again. */
const APART_MS_PER_HOST = 150;
const APART_MAX_MS = 10_000;
/** Facts in our name that we never wrote, more than so many times in this time, come from a router that lives. */
const STRIKES = 3;
/** Of two that don't know which of them is the later, both would stop: by then one that knows has stopped. */
const BLIND_STRIKES = 2 * STRIKES;
const STRIKE_MS = 60_000;
/** What comes this soon after the last counts with it: after a loss each neighbour shows another part of the past. */
const STRIKE_APART_MS = 2_000;

export interface Presence {
  /** Tells the mesh of this host; from then on it is kept up to date. */
  announce(): void;
  connectionsChanged(): void;
  /** What it says of this host itself is no longer so. */
  changed(): void;
  /** What this host's kernel is to send on to neighbours. */
  relays(): readonly Relay[];
  /** Says nothing more: this host leaves the mesh. */
  withdraw(): void;
  /** Looks whether another host was first to take our control address or our name. */
  check(): void;
  /**
   * Others hold facts of ours that we never wrote, told by a router with this `boot` (undefined: not known). Once
   * that is a disk rolled back; again and again it is a second router with our key. Of the two, the later stops:
   * true asks us to.
   */
  impersonated(boot: string | undefined): boolean;
}

/** What a router says of its own host and of its connections. */
export function createPresence(context: Context, neighbours: Neighbours, paths: Paths): Presence {
  const { agenda, config, topology } = context;
  const name = config.name ?? defaultName(context, config.self);
  const relayPorts = new RelayPorts(context);
  let announced = false;
  let salt = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  let toldMtu: number | undefined;

  function announce(): void {
    if (!announced && config.relays) relayPorts.resume();
    announced = true;
    context.write([hostWrite(), ...connectionWrites()]);
  }

  function hostWrite(): Write {
    const fact: HostFact = {
      name,
      nickname: config.nickname,
      version: config.version,
      addresses: config.advertise,
      vtep: config.vtep,
      control: controlAddress(context, salt),
      boot: config.boot,
      mtu: paths.own(),
      ...waysOf(context),
    };
    toldMtu = fact.mtu;
    return { domain: TOPOLOGY, key: HOST_KEY, value: encodeHost(fact) };
  }

  function connectionWrites(): readonly Write[] {
    const told = toldConnections(context);
    const writes: Write[] = [];
    offerRelays();
    for (const { peer, address, outbound } of neighbours.all()) {
      told.delete(peer);
      const port = relayPorts.of(peer);
      const fact: ConnectionFact = {
        address,
        outbound,
        established: paths.get(peer)?.mtu !== undefined,
        ...(port !== undefined && { relay: port }),
      };
      writes.push({ domain: TOPOLOGY, key: connectionKey(peer), value: encodeConnection(fact) });
    }
    for (const peer of told) writes.push({ domain: TOPOLOGY, key: connectionKey(peer), value: undefined });
    return writes;
  }

  /** Helps others to reach those whom frames from here reach straight. */
  function offerRelays(): void {
    const straight = [...neighbours.all()].map(({ peer }) => peer).filter(peer => paths.isStraight(peer));
    if (relayPorts.offer(new Set(config.relays ? straight : []))) context.emit({ kind: 'forward' });
    const next = relayPorts.next();
    if (next !== undefined) agenda.plan('relays', next, offerRelays);
  }

  return {
    announce,
    relays: () => relayPorts.all(),
    changed() {
      if (announced) context.write([hostWrite()]);
    },
    withdraw() {
      announced = false;
    },
    connectionsChanged() {
      // Until the others know, what they send may be too large.
      agenda.plan('mtu', context.now() + SETTLE_MS, () => {
        if (announced && paths.own() !== toldMtu) context.write([hostWrite()]);
      });
      const apart = Math.min(APART_MAX_MS, APART_MS_PER_HOST * topology.peers().length);
      agenda.plan('connections', Math.max(context.now() + SETTLE_MS, toldAt + apart), () => {
        if (!announced) return;
        toldAt = context.now();
        context.write(connectionWrites());
      });
    },
    check() {
      const own = topology.host(config.self);
      if (own === undefined || !announced) return;
      if (topology.controlling(own.control) !== config.self) {
        salt += 1;
        announce();
      }
      const holder = topology.named(name);
      if (holder === undefined || holder === config.self) return;
      const host = topology.host(holder)?.nickname ?? holder;
      context.emit({ kind: 'halt', problem: { code: 'peer-name-taken', name, host } });
    },
    impersonated: createStrikes(context),
  };
}

/** How it can be reached other than by plain frames. */
const waysOf = ({ config: { sleeve }, shield: { own: encryption } }: Context) => ({
  ...(encryption && { encryption }),
  ...(sleeve && { sleeve }),
});

/** The peers of whose connections the facts of this host tell. */
function toldConnections({ config, replica }: Context): Set<PeerId> {
  const keys = [...replica.ofOwner(config.self)].map(({ key }) => connectionPeer(key));
  return new Set(keys.filter(peer => peer !== undefined));
}

/** Counts facts in our name that we never wrote; tells whether it is we who have to stop. */
function createStrikes({ config, now }: Context): Presence['impersonated'] {
  let strikes: readonly Millis[] = [];
  return boot => {
    const recent = strikes.filter(at => now() - at < STRIKE_MS);
    const isNew = now() - (recent.at(-1) ?? Number.NEGATIVE_INFINITY) >= STRIKE_APART_MS;
    strikes = isNew ? [...recent, now()] : recent;
    if (boot === undefined) return strikes.length > BLIND_STRIKES;
    return strikes.length > STRIKES && boot < config.boot;
  };
}

/** An address in the control network made from the peer id; `salt` finds another where two ids give one. */
function controlAddress(context: Context, salt: number): Ipv4 {
  const { address, prefix } = CONTROL_NETWORK.subnets[0]!;
  const hash = context.config.crypto.hash(new TextEncoder().encode(`control ${salt} ${context.config.self}`));
  const number = ((hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!) >>> 0;
  const span = 2 ** (32 - prefix) - 2;
  return fromNumber((toNumber(address) ?? 0) + 1 + (number % span));
}
