import type { Progress } from './reports.js';

const periodMs = 200;

/**
 * Tells a listener where a long operation is, at once and then a few times per second.
 * @returns ends it
 */
export function reportProgress(
  listener: ((progress: Progress) => void) | undefined,
  look: () => Progress,
): () => void {
  if (!listener) return () => undefined;
  listener(look());
  const timer = setInterval(() => {
    listener(look());
  }, periodMs);
  return () => {
    clearInterval(timer);
  };
}
