import type { EndingSignal } from './exit-code.js';

/** The reason of the abort signal that a command gets: somebody asked the program to end. */
export class Interruption extends Error {
  override name = 'AbortError';
  readonly code = 'ABORT_ERR';

  constructor(readonly signal: EndingSignal) {
    super(`interrupted by ${signal}`);
  }
}

/** The interruption that `error` is about; nothing where `error` is a failure of its own. */
export function interruptionOf(error: unknown, signal: AbortSignal): Interruption | undefined {
  const reason: unknown = signal.reason;
  if (!(reason instanceof Interruption)) return undefined;
  return error === reason || isAbortError(error) ? reason : undefined;
}

function isAbortError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR');
}
