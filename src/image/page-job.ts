import type { NativePageJob } from './native-page-copy.js';

/** How a caller follows and stops work on many pages. */
export interface PageJob {
  /** one cell; pages done are added to it while the work runs */
  progress?: Float64Array | undefined;
  /** stops the work, which then throws an error with code `ABORT_ERR` */
  signal?: AbortSignal | undefined;
}

/** Runs one native job so that `signal` stops it. */
export async function runPageJob<T>(
  { progress, signal }: PageJob,
  run: (job: NativePageJob) => Promise<T>,
): Promise<T> {
  const cancel = new Int32Array(1);
  const abort = () => (cancel[0] = 1);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    return await run(progress ? { progress, cancel } : { cancel });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
