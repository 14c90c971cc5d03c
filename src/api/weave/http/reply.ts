import { describe, type Problem, type Result } from '../../../core/errors.ts';

/** What a request is answered with. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  /** `text/plain` where left out. */
  readonly type?: string;
  readonly allow?: string;
}

export const text = (body: string, status = 200): Reply => ({ status, text: body });
export const json = (body: unknown): Reply => ({
  status: 200,
  text: JSON.stringify(body),
  type: 'application/json',
});
export const NOTHING: Reply = { status: 204, text: '' };
export const NOT_FOUND: Reply = { status: 404, text: '404 page not found\n' };
export const BAD_REQUEST = 400;

export const refusal = (problem: Problem, before = ''): Reply =>
  text(`${before}${describe(problem)}\n`, BAD_REQUEST);

/** What `result` is answered with, where it is well; else its sentence, after `before`. */
export const replyTo = <Value>(
  result: Result<Value>,
  well: (value: Value) => Reply,
  before?: string,
): Reply => (result.ok ? well(result.value) : refusal(result.problem, before));
