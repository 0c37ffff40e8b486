import { release } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

/** It checks all that it does, and takes its time. */
export const isDebugKernel = release().includes('debug');

/**
 * Only for what never comes. A guest beside another one is slow.
 */
const defaultBoundMs = isDebugKernel ? 120_000 : 40_000;
const pollMs = 2;

/**
 * Waits until something that sends no event is so.
 * @param what says what was waited for when the bound passes
 */
export async function waitFor(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  boundMs = defaultBoundMs,
): Promise<void> {
  const deadline = performance.now() + boundMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${boundMs} ms`);
    await pause(pollMs);
  }
}

/** Bounds the wait for an event. */
export async function within<T>(
  what: string,
  event: Promise<T>,
  boundMs = defaultBoundMs,
): Promise<T> {
  const timer = new AbortController();
  const late = pause(boundMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: not within ${boundMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([event, late]);
  } finally {
    timer.abort();
  }
}
