import type { PeerId } from '../../src/core/address.ts';
import type { Result } from '../../src/core/errors.ts';
import type { Transport, TransportEvent } from '../../src/ports/transport.ts';
import { until } from './until.ts';

type EventOf<Kind extends TransportEvent['kind']> = Extract<TransportEvent, { kind: Kind }>;

/** A transport with a memory of its events. */
export interface ListeningRouter {
  readonly transport: Transport;
  readonly id: PeerId;
  /** HOST:PORT. */
  readonly address: string;
  readonly events: readonly TransportEvent[];
  start(): Promise<Result<void>>;
  of<Kind extends TransportEvent['kind']>(kind: Kind): readonly EventOf<Kind>[];
  /** The messages as text, in their order. */
  texts(): readonly string[];
  /** Waits until `count` events of a kind have come, and gives the last of them. */
  wait<Kind extends TransportEvent['kind']>(kind: Kind, count?: number): Promise<EventOf<Kind>>;
  /** Called with each event as it comes; what it gives is the answer to the transport. */
  react(listener: (event: TransportEvent) => unknown): void;
}

export function createListeningRouter(transport: Transport, address: string): ListeningRouter {
  const events: TransportEvent[] = [];
  let reaction = (_event: TransportEvent): unknown => undefined;
  const of = <Kind extends TransportEvent['kind']>(kind: Kind): readonly EventOf<Kind>[] =>
    events.filter((event): event is EventOf<Kind> => event.kind === kind);
  return {
    transport,
    id: transport.self,
    address,
    events,
    of,
    start: () =>
      transport.start(event => {
        events.push(event);
        return reaction(event);
      }),
    texts: () => of('message').map(({ bytes }) => Buffer.from(bytes).toString()),
    wait: (kind, count = 1) =>
      until(
        () => of(kind)[count - 1],
        () => `${count} x ${kind} at ${address}; there were ${summary(events)}`,
      ),
    react(listener) {
      reaction = listener;
    },
  };
}

const summary = (events: readonly TransportEvent[]): string =>
  JSON.stringify(
    events.map(event => (event.kind === 'message' ? `message of ${event.bytes.length} bytes` : event)),
  );
