import type { NativePageJob } from './native-page-copy.js';

/** How a caller follows and stops work on many pages. */
export interface PageJob {
  /** one cell; pages done are added to it while the work runs */
  progress?: Float64Array | undefined;
  /** stops the work, which then throws an error with code `ABORT_ERR` */
  signal?: AbortSignal | undefined;
}

/** Runs one native job so that its signal, or another one, stops it. */
export async function runPageJob<T>(
  { progress, signal }: PageJob,
  run: (job: NativePageJob) => Promise<T>,
  other?: AbortSignal,
): Promise<T> {
  const cancel = new Int32Array(1);
  const abort = () => (cancel[0] = 1);
  const signals = [signal, other].filter((one) => one !== undefined);
  for (const one of signals) {
    one.addEventListener('abort', abort);
    if (one.aborted) abort();
  }
  try {
    return await run(progress ? { progress, cancel } : { cancel });
  } finally {
    for (const one of signals) one.removeEventListener('abort', abort);
  }
}
