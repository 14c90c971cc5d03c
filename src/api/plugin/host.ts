import type * as z from 'zod';
import type { Ipv4 } from '../../core/address.ts';
import { describe, type Result } from '../../core/errors.ts';
import type { EndpointCommand } from '../../core/host/handed.ts';
import type { Reply } from '../../core/host/step.ts';

/** What the drivers ask of the router. */
export interface PluginHost {
  ask(command: EndpointCommand): Promise<Result<Reply>>;
  /** Somebody has said whose an endpoint is that was just made: the id of a container. */
  identified(container: string): void;
  /** Whether containers of the engine's network get no route for multicast. */
  isUnicast(network: string): Promise<boolean>;
  /** Asks the engine whether it knows of what has an address, and forgets that if not. Resolves when that is done, or can't be. */
  compare(address: Ipv4): Promise<void>;
}

/** Why a call is refused, in words for who typed the command that led to it. */
export class Refusal extends Error {}

/** One call of an engine: what it sends, and what is done and answered. */
export interface Method {
  readonly request: z.ZodType;
  call(request: never): Promise<object>;
}

export type Methods = Readonly<Record<string, Method>>;

export const method = <Request>(
  request: z.ZodType<Request>,
  call: (request: Request) => Promise<object>,
): Method => ({ request, call });

/** Throws a `Refusal` where the router refuses. */
export async function must(host: PluginHost, command: EndpointCommand): Promise<Reply> {
  const result = await host.ask(command);
  if (!result.ok) throw new Refusal(describe(result.problem));
  return result.value;
}
