import type { PageMap } from '../../image/index.js';
import { open } from './constants.js';
import { call, type Step } from './step.js';

/** Pages to be read, by the file that has them. */
export class ContentReads {
  readonly #rounds = new Map<number, number[]>();
  readonly #zeros: number[] = [];

  /**
   * Adds what is stored of some pages, as pages `shift` further on in memory.
   * @param hasZeros false where memory is zeros anyway
   * @returns whether there is anything to read
   */
  add(pages: PageMap, start: number, end: number, shift: number, hasZeros: boolean): boolean {
    let isAny = false;
    for (const { page, nrPages, round, filePage, isZero } of pages.entries(start, end)) {
      if (isZero && !hasZeros) continue;
      isAny = true;
      // The device has zeros at every offset: runs that adjoin in memory are one read.
      if (isZero) this.#zeros.push(page + shift, page + shift, nrPages);
      else this.#runsOf(round).push(page + shift, filePage, nrPages);
    }
    return isAny;
  }

  /** The steps, and nothing to read any more. */
  take(pagesPath: (round: number) => string, about: string): Step[] {
    const steps: Step[] = [];
    for (const [round, runs] of [...this.#rounds].sort(([a], [b]) => a - b))
      steps.push(...readFrom(pagesPath(round), sortByFilePage(runs), about));
    if (this.#zeros.length > 0)
      steps.push(...readFrom('/dev/zero', Float64Array.from(this.#zeros), about));
    this.#rounds.clear();
    this.#zeros.length = 0;
    return steps;
  }

  #runsOf(round: number): number[] {
    let runs = this.#rounds.get(round);
    if (!runs) {
      runs = [];
      this.#rounds.set(round, runs);
    }
    return runs;
  }
}

function readFrom(path: string, runs: Float64Array, about: string): Step[] {
  const file = { slot: 'pages' };
  return [
    call('open', [{ text: path }, open.readOnly | open.closeOnExec], path, { result: file.slot }),
    { op: 'read', file, runs, about },
    call('close', [file], path),
  ];
}

/** Stretches that lie one after the other in the file are one read. */
export function sortByFilePage(runs: readonly number[]): Float64Array {
  const order = Uint32Array.from({ length: runs.length / 3 }, (_, i) => i * 3);
  order.sort((a, b) => (runs[a + 1] ?? 0) - (runs[b + 1] ?? 0));
  const sorted = new Float64Array(runs.length);
  order.forEach((row, i) => {
    for (let column = 0; column < 3; column++) sorted[i * 3 + column] = runs[row + column] ?? 0;
  });
  return sorted;
}
