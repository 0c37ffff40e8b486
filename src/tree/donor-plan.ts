import { RunTable } from '../dump/runs.js';
import type { ExtentTable } from '../image/index.js';
import type { StoredPages, StoredRange } from './stored-pages.js';

/** A region's runs, told apart by where their pages come from. */
export interface SplitRuns {
  /** the target's own pages: sourcePage, page, nrPages */
  own: RunTable;
  /** for each part of the donors: donor, page, nrPages */
  donors: RunTable[];
}

/**
 * Tells a region's runs apart by what of them is donors.
 * @param runs sourcePage, page, nrPages
 * @param parts of `Session.donors` for the same source pages: region, page, nrPages, donor, in the
 *   order of the runs
 */
export function splitByDonors(runs: Float64Array, parts: readonly Float64Array[]): SplitRuns {
  const split: SplitRuns = { own: new RunTable(3), donors: parts.map(() => new RunTable(3)) };
  const cursor = new DonorCursor(parts);
  for (let i = 0; i < runs.length; i += 3) {
    const [source = 0, page = 0, nrPages = 0] = runs.subarray(i, i + 3);
    let at = source;
    const end = source + nrPages;
    for (let found = cursor.take(at, end); found; found = cursor.take(at, end)) {
      if (at < found.page) split.own.push(at, page + at - source, found.page - at);
      split.donors[found.part]?.push(found.id, page + found.page - source, found.nrPages);
      at = found.page + found.nrPages;
    }
    if (at < end) split.own.push(at, page + at - source, end - at);
  }
  return split;
}

/** Goes through the donors of several parts in the order in which they were asked for. */
class DonorCursor {
  #part = 0;
  #row = 0;
  /** pages of the current row that are taken */
  #done = 0;

  constructor(readonly parts: readonly Float64Array[]) {}

  /** The next donors, if they begin in [start, end), cut at `end`. */
  take(start: number, end: number) {
    while (this.#part < this.parts.length && this.#row >= (this.parts[this.#part]?.length ?? 0)) {
      this.#part++;
      this.#row = 0;
    }
    const row = this.parts[this.#part]?.subarray(this.#row, this.#row + 4);
    if (!row || start >= end) return undefined;
    const page = (row[1] ?? 0) + this.#done;
    if (page < start || page >= end) return undefined;
    const rest = (row[2] ?? 0) - this.#done;
    const taken = { part: this.#part, page, id: (row[3] ?? 0) + this.#done, nrPages: rest };
    taken.nrPages = Math.min(rest, end - page);
    this.#done += taken.nrPages;
    if (taken.nrPages === rest) {
      this.#row += 4;
      this.#done = 0;
    }
    return taken;
  }
}

/** What to do with numbered pages. */
export interface StorePlan {
  /** to be stored: number, page, nrPages */
  fresh: RunTable;
  /** stored already: page, nrPages, round, filePage (-1: zeros) */
  refs: RunTable;
}

/** @param runs number of the first page, page, nrPages */
export function planStore(runs: Float64Array, stored: StoredPages): StorePlan {
  const plan: StorePlan = { fresh: new RunTable(3), refs: new RunTable(4) };
  for (let i = 0; i < runs.length; i += 3) {
    const [first = 0, page = 0, nrPages = 0] = runs.subarray(i, i + 3);
    for (const { id, nrPages: nr, stored: place } of stored.split(first, nrPages)) {
      const at = page + id - first;
      if (place) plan.refs.push(at, nr, place.round, place.filePage);
      else plan.fresh.push(id, at, nr);
    }
  }
  return plan;
}

/**
 * Where numbered pages went that an append has stored.
 * @param runs number, page, nrPages, in the order of the append
 * @param extents what it has stored, in the order of the runs
 */
export function* storedRanges(
  runs: Float64Array,
  extents: ExtentTable,
  round: number,
): Generator<StoredRange> {
  let row = 0;
  for (let i = 0; i < extents.length; i++) {
    let page = extents.page(i);
    for (let left = extents.nrPages(i); left > 0 && row < runs.length;) {
      const [first = 0, start = 0, nrPages = 0] = runs.subarray(row, row + 3);
      if (page < start || page >= start + nrPages) {
        row += 3;
        continue;
      }
      const nr = Math.min(left, start + nrPages - page);
      const filePage = extents.isZero(i) ? -1 : extents.filePage(i) + page - extents.page(i);
      yield { id: first + page - start, nrPages: nr, round, filePage };
      page += nr;
      left -= nr;
    }
  }
}
