import type { Progress } from '../dump/reports.js';
import { PAGE_SIZE } from '../image/page.js';
import { formatBytes, formatDuration } from './units.js';

/** A terminal to draw on. */
export interface Terminal {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

/** A rate from less than this says nothing. */
const minRateMs = 200;
const redrawMs = 100;
const eraseLine = '\r\x1b[K';

/**
 * One line that shows where a long operation is, redrawn in place. On what is no terminal it does
 * nothing.
 */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #isOn: boolean;
  #isDrawn = false;
  #drawnAt = -Infinity;
  #phase = '';
  #phaseStart = 0;
  #phasePages = 0;

  /** @param now milliseconds of a clock that only goes forward */
  constructor(terminal: Terminal, { isOn = true, now = () => performance.now() } = {}) {
    this.#terminal = terminal;
    this.#isOn = isOn && terminal.isTTY === true;
    this.#now = now;
  }

  /** Nobody would see it: no need to find out where the work is. */
  get isOn(): boolean {
    return this.#isOn;
  }

  update(progress: Progress): void {
    if (!this.#isOn) return;
    const now = this.#now();
    const isNew = progress.phase !== this.#phase || progress.donePages < this.#phasePages;
    if (isNew) this.#phaseStart = now;
    this.#phase = progress.phase;
    this.#phasePages = progress.donePages;
    if (!isNew && now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#isDrawn = true;
    // A line that wraps could not be erased.
    const line = formatProgress(progress, now - this.#phaseStart);
    this.#terminal.write(eraseLine + line.slice(0, (this.#terminal.columns ?? 80) - 1));
  }

  /** Makes room for other output; the next update draws again. */
  erase(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#drawnAt = -Infinity;
    this.#terminal.write(eraseLine);
  }
}

/** `copy: 48.0 MiB of 256.0 MiB, 18 %, 120.0 MiB/s, 1.7 s left`, as far as it is known. */
export function formatProgress(
  { phase, donePages, totalPages }: Progress,
  elapsedMs: number,
): string {
  const done = formatBytes(donePages * PAGE_SIZE);
  const parts: string[] = [];
  if (totalPages > 0) {
    parts.push(`${done} of ${formatBytes(totalPages * PAGE_SIZE)}`);
    parts.push(`${Math.floor((donePages / totalPages) * 100)} %`);
  } else if (donePages > 0) {
    parts.push(done);
  }
  if (donePages > 0 && elapsedMs >= minRateMs) {
    const pagesPerMs = donePages / elapsedMs;
    parts.push(`${formatBytes(Math.round(pagesPerMs * 1000 * PAGE_SIZE))}/s`);
    const leftMs = (totalPages - donePages) / pagesPerMs;
    if (leftMs > 0) parts.push(`${formatDuration(leftMs)} left`);
  }
  return parts.length > 0 ? `${phase}: ${parts.join(', ')}` : phase;
}
