import type { Parameters } from '../../control/path.ts';
import type { Reply } from './reply.ts';

/** A request, as far as answers depend on it. */
export interface Asked {
  readonly parameters: Parameters;
  readonly query: URLSearchParams;
  /** Of a body that is a form; none where it is something else. */
  readonly form: URLSearchParams;
  readonly accept: string;
}

/** Method, path (as control/path.ts has it), and what answers. */
export type Route = readonly [
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  answer: (asked: Asked) => Promise<Reply>,
];

export type Routes = readonly Route[];
