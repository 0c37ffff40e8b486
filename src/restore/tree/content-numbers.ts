import type { PageMap } from '../../image/index.js';

/** A page of a round's pages file. */
export interface FilePlace {
  round: number;
  filePage: number;
}

/**
 * Numbers for stored pages: what follows one another in a round's pages file has consecutive numbers,
 * and no page of another round follows.
 */
export class ContentNumbers {
  /** by round */
  readonly #starts: number[] = [];

  constructor(maps: Iterable<PageMap>) {
    const ends: number[] = [];
    for (const { columns, length } of maps)
      for (let i = 0; i < length; i++) {
        const round = columns.round[i] ?? 0;
        const end = (columns.filePage[i] ?? -1) + (columns.nrPages[i] ?? 0);
        if ((columns.filePage[i] ?? -1) >= 0) ends[round] = Math.max(ends[round] ?? 0, end);
      }
    let start = 0;
    for (let round = 0; round < ends.length; round++) {
      this.#starts.push(start);
      start += (ends[round] ?? 0) + 1;
    }
  }

  of(round: number, filePage: number): number {
    return (this.#starts[round] ?? 0) + filePage;
  }

  placeOf(content: number): FilePlace {
    let low = 0;
    let high = this.#starts.length;
    while (low + 1 < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? Infinity) <= content) low = middle;
      else high = middle;
    }
    return { round: low, filePage: content - (this.#starts[low] ?? 0) };
  }
}
