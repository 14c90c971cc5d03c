import type { MessagePort } from 'node:worker_threads';
import type { Result } from '../../core/errors.ts';
import type { ListenPlace, Membership, NameRecord, NameServerReport } from '../../ports/name-server.ts';
import type { Sockets } from '../../ports/sockets.ts';
import { DnsService, type ServiceOptions } from './service.ts';

/** What the thread is told. Requests with a ticket are answered. */
export type Order =
  | { readonly kind: 'open' }
  | { readonly kind: 'publish'; readonly records: readonly NameRecord[] }
  | { readonly kind: 'belong'; readonly memberships: readonly Membership[] }
  | { readonly kind: 'listen'; readonly ticket: number; readonly places: readonly ListenPlace[] }
  | { readonly kind: 'report'; readonly ticket: number }
  | { readonly kind: 'close'; readonly ticket: number };

export type Told =
  | { readonly kind: 'done'; readonly ticket: number; readonly value: unknown }
  | { readonly kind: 'unusable'; readonly names: readonly string[] };

/** What a ticket gives. */
export interface Answers {
  readonly listen: Result<void>;
  readonly report: Omit<NameServerReport, 'restarts'>;
  readonly close: undefined;
}

/** Runs the service in this thread, until it is told to close. */
export function runDnsThread(port: MessagePort, options: ServiceOptions, sockets: Sockets): void {
  const service = new DnsService(options, sockets);
  const done = (ticket: number, value: Answers[keyof Answers]): void =>
    port.postMessage({ kind: 'done', ticket, value } satisfies Told);
  port.on('message', (order: Order) => {
    switch (order.kind) {
      case 'publish': {
        const names = service.publish(order.records);
        if (names.length > 0) port.postMessage({ kind: 'unusable', names } satisfies Told);
        return;
      }
      case 'open':
        return service.open();
      case 'belong':
        return service.belong(order.memberships);
      case 'listen':
        return done(order.ticket, service.listen(order.places));
      case 'report':
        return done(order.ticket, service.report());
      case 'close':
        service.close();
        done(order.ticket, undefined);
        port.close();
    }
  });
}
