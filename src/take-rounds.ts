import { setTimeout as delay } from 'node:timers/promises';

/** When a series of rounds ends by itself. */
export interface RoundsOptions {
  /** after that many rounds */
  count?: number;
  /** pause between the end of a round and the next one */
  intervalMs?: number;
  /** after a round with at most that many dirty pages */
  until?: number;
}

/**
 * Takes rounds until a limit of `options` is met.
 * @param round takes one
 * @throws what `round` throws; an error with code `ABORT_ERR` when `signal` aborts a pause
 */
export async function* takeRounds<Report extends { dirtyPages: number }>(
  round: () => Promise<Report>,
  { count = Infinity, intervalMs = 0, until = -1 }: RoundsOptions,
  signal: AbortSignal | undefined,
): AsyncGenerator<Report, void, undefined> {
  for (let taken = 0; taken < count; taken++) {
    if (taken > 0 && intervalMs > 0) await delay(intervalMs, undefined, signal && { signal });
    const report = await round();
    yield report;
    if (report.dirtyPages <= until) return;
  }
}
