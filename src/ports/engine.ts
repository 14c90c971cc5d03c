import type { Result } from '../core/errors.ts';

/** An answer with its JSON body parsed, or undefined where it was none. */
export interface EngineAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** The Docker engine of this host, by its API in the version that it speaks best. */
export interface EngineApi {
  /** One call; `path` begins with a slash and has no version. Refuses with `docker-unreachable`. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Result<EngineAnswer>>;
}
