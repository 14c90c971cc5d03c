import { createHash } from 'node:crypto';
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { ConnectionGater, ConnectionProtector, Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import type { Identity } from './identity.ts';
import { MAX_RPC } from './limits.ts';
import { yamuxMuxer } from './muxer.ts';
import { quiet } from './quiet.ts';

/** The one gossip topic; every router subscribes to it and to nothing else. */
export const TOPIC = 'mesh/1';

/** Connecting and all handshakes, in either direction. */
export const HANDSHAKE_MS = 5_000;

const MIB = 1024 * 1024;

export type Node = Libp2p<{ identify: Identify; gossip: GossipSub }>;

export interface NodeOptions {
  readonly identity: Identity;
  /** Multiaddrs. */
  readonly listen: string;
  readonly announce: string;
  /** Dials leave from here. */
  readonly localAddress: string | undefined;
  readonly gater: ConnectionGater;
  readonly protector: () => ConnectionProtector;
}

/** A libp2p node that is not started yet, set up so that it does nothing on its own initiative. */
export function createNode(options: NodeOptions): Promise<Node> {
  const { localAddress } = options;
  // Handed on to node's own connect, which takes more than libp2p's type tells.
  const dialOpts = { noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) };
  return createLibp2p({
    start: false,
    privateKey: options.identity.privateKey,
    logger: quiet,
    addresses: { listen: [options.listen], announce: [options.announce] },
    // A backstop for what has not come as far as libp2p's own limits.
    transports: [tcp({ dialOpts, maxConnections: 1024 })],
    connectionProtector: options.protector,
    connectionEncrypters: [noise()],
    streamMuxers: [yamuxMuxer()],
    connectionGater: options.gater,
    connectionManager: {
      maxConnections: 512,
      // Many routers may stand behind one address (NAT, a lab); the default of 5 a second makes them wait in turn.
      inboundConnectionThreshold: 200,
      maxIncomingPendingConnections: 256,
      maxParallelDials: 64,
      dialTimeout: HANDSHAKE_MS,
      addressDialTimeout: HANDSHAKE_MS,
      inboundUpgradeTimeout: HANDSHAKE_MS,
      inboundStreamProtocolNegotiationTimeout: HANDSHAKE_MS,
      outboundStreamProtocolNegotiationTimeout: HANDSHAKE_MS,
      // Names are resolved before libp2p sees them.
      resolvers: {},
    },
    // It opens a stream for every ping, and takes each error, even a limit on streams, for a dead connection: busy links
    // were aborted so. Links have their own signs of life (link.ts).
    connectionMonitor: { enabled: false },
    services: {
      // Only run on the one connection with a peer that is kept (see peer.ts): gossipsub attaches itself where it ran.
      identify: identify({ runOnConnectionOpen: false, timeout: HANDSHAKE_MS }),
      gossip: gossipsub(GOSSIP),
    },
  });
}

const GOSSIP: Parameters<typeof gossipsub>[0] = {
  // The hop is authenticated by Noise and every entry signed by its owner.
  globalSignaturePolicy: 'StrictNoSign',
  msgIdFn: message => createHash('sha256').update(message.data).digest().subarray(0, 16),
  allowPublishToZeroTopicPeers: true,
  ignoreDuplicatePublishError: true,
  floodPublish: true,
  // Who begins tells all its neighbours; what is handed on only has to make up for those that it has no connection with.
  D: 4,
  Dlo: 3,
  fallbackToFloodsub: false,
  tagMeshPeers: false,
  // The default scores cut off peers that share an address, without a word, from the eleventh on.
  scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0, retainScore: 10_000 },
  // A hub forwards to all its neighbours. With the default of 12 it would turn the others away, and they would have to
  // ask for what they miss; asking is off, since one answer may be as large as all of the last seconds together.
  // What is lost is learned by sync.
  // Below this a copy too many costs less than telling all others not to send one.
  idontwantMinDataSize: 4096,
  Dhi: 128,
  Dlazy: 0,
  gossipFactor: 0,
  allowedTopics: [TOPIC],
  maxInboundDataLength: MAX_RPC,
  maxOutboundBufferSize: 4 * MIB,
  decodeRpcLimits: {
    maxSubscriptions: 16,
    maxMessages: 64,
    maxControlMessages: 16,
    maxIhaveMessageIDs: 64,
    maxIwantMessageIDs: 64,
    maxIdontwantMessageIDs: 64,
    maxPeerInfos: 16,
  },
};
