import type { z } from 'zod';
import { describe, type Result } from '../../core/errors.ts';
import type { EndpointCommand } from '../../core/host/handed.ts';
import type { Reply } from '../../core/host/step.ts';

/** What the drivers ask of the router. */
export interface PluginHost {
  ask(command: EndpointCommand): Promise<Result<Reply>>;
  /** An engine has said whose an endpoint is: the id of a container. */
  identified(endpoint: string, container: string): void;
  /** Asks the engine which endpoints it has, and forgets the others. Resolves when that is done, or can't be. */
  compare(): Promise<void>;
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
