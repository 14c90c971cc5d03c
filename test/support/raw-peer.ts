import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { greetingProtector } from '../../src/adapters/libp2p/greeting.ts';
import { parseHostPort, toMultiaddr } from '../../src/adapters/libp2p/host-port.ts';
import { type Identity, makeIdentity, openIdentity } from '../../src/adapters/libp2p/identity.ts';
import { createNode, type Node } from '../../src/adapters/libp2p/node.ts';
import type { PeerId } from '../../src/core/address.ts';

/** A peer that speaks all protocols and keeps to none: it does what a test tells it, with a genuine identity. */
export interface RawPeer {
  readonly id: PeerId;
  readonly node: Node;
  dial(address: string): Promise<Connection>;
  /** The sync streams that others opened. */
  readonly accepted: readonly Stream[];
}

export function newIdentity(accept: (id: PeerId) => boolean = () => true): Identity {
  for (;;) {
    const opened = openIdentity(makeIdentity());
    if (!opened.ok) throw new Error(opened.problem.code);
    if (accept(opened.value.id)) return opened.value;
  }
}

/** Listens on HOST:PORT; takes no part in gossip. */
export async function createRawPeer(address: string, identity = newIdentity()): Promise<RawPeer> {
  const listen = parseHostPort(address);
  if (listen === undefined) throw new Error(address);
  const accepted: Stream[] = [];
  const node = await createNode({
    identity,
    listen: toMultiaddr(listen),
    announce: toMultiaddr(listen),
    localAddress: listen.host,
    protector: greetingProtector({ key: undefined, onConnected: () => {}, onMisgreeting: () => {} }),
    gater: {},
  });
  await node.handle('/mesh/sync/1.0.0', stream => void accepted.push(stream));
  await node.start();
  return {
    id: identity.id,
    node,
    accepted,
    dial: async to => node.dial(multiaddr(toMultiaddr(parseHostPort(to)!))),
  };
}
