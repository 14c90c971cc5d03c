import { type Problem, type Result, refuse } from '../../core/errors.ts';
import { KernelError } from './libc.ts';

/** What a refusal by the kernel means to a user. */
export function problemOf(error: KernelError): Problem {
  if (error.code === 'EPERM' || error.code === 'EACCES') return { code: 'no-permission', what: error.what };
  return { code: 'kernel-refused', what: error.what, why: error.why };
}

/** Runs `action`; a `KernelError` that it throws becomes a refusal. */
export async function attempt<T>(action: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof KernelError) return refuse(problemOf(error));
    throw error;
  }
}
