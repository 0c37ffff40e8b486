import type { AppendResult } from './layer-writer.js';
import type { CopiedPages } from './squash-plan.js';

/** Where pages of a round are in another images directory. */
export interface PlacedPages {
  /** what has brought them there */
  copy: CopiedPages;
  /** in the old directory's pages file */
  filePage: number;
  nrPages: number;
  /** in the other directory's pages file; -1: they are zeros */
  newFilePage: number;
}

/** Where a squash has put which stored pages. Each is put somewhere once. */
export class PlacedPagesMap {
  readonly #byRound = new Map<number, PlacedPages[]>();

  /** Notes where an append has put its runs: `copies`, of one owner, by page. */
  add(copies: readonly CopiedPages[], { extents }: AppendResult): void {
    let index = 0;
    for (const copy of copies) {
      const { page, nrPages, filePage } = copy;
      for (let done = 0; done < nrPages;) {
        // Extents join runs, and are cut at pages of zeros.
        while (extents.page(index) + extents.nrPages(index) <= page + done) index++;
        const start = page + done - extents.page(index);
        const part = Math.min(nrPages - done, extents.nrPages(index) - start);
        const newFilePage = extents.isZero(index) ? -1 : extents.filePage(index) + start;
        this.#put({ copy, filePage: filePage + done, nrPages: part, newFilePage });
        done += part;
      }
    }
  }

  /** To be called when everything is there, before `find`. */
  sort(): void {
    for (const list of this.#byRound.values()) list.sort((a, b) => a.filePage - b.filePage);
  }

  /** Where pages of a round are, cut to [filePage, filePage + nrPages), in its order. */
  *find(round: number, filePage: number, nrPages: number): Generator<PlacedPages> {
    const list = this.#byRound.get(round) ?? [];
    const end = filePage + nrPages;
    for (let i = firstEndingAfter(list, filePage); i < list.length; i++) {
      const placed = list[i];
      if (!placed || placed.filePage >= end) return;
      const start = Math.max(filePage, placed.filePage);
      const stop = Math.min(end, placed.filePage + placed.nrPages);
      const shift = placed.newFilePage < 0 ? 0 : start - placed.filePage;
      const newFilePage = placed.newFilePage + shift;
      yield { ...placed, filePage: start, nrPages: stop - start, newFilePage };
    }
  }

  #put(placed: PlacedPages): void {
    const { round } = placed.copy;
    const list = this.#byRound.get(round);
    if (list) list.push(placed);
    else this.#byRound.set(round, [placed]);
  }
}

function firstEndingAfter(list: readonly PlacedPages[], filePage: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const placed = list[middle];
    if (placed && placed.filePage + placed.nrPages > filePage) high = middle;
    else low = middle + 1;
  }
  return low;
}
