import { MaxHeap } from './max-heap.js';
import { PageMapBuilder, type PageMap } from './page-map.js';
import type { RoundMeta } from './round-meta.js';
import type { VmaRecord } from './vma-record.js';

const NO_EXTENT = -1;

/**
 * Every extent and cleared range of a chain, in the order in which they took
 * effect: where two overlap, the one with the larger index counts.
 */
interface Intervals {
  length: number;
  start: Float64Array;
  end: Float64Array;
  /** index into the rounds */
  round: Uint32Array;
  /** index into the round's table, NO_EXTENT for a cleared range */
  extent: Int32Array;
}

/** The VMAs of a round, its own or those of the last round before that lists them. */
export function layoutAt(rounds: readonly RoundMeta[], index: number): readonly VmaRecord[] {
  return rounds.slice(0, index + 1).findLast((meta) => meta.vmas)?.vmas ?? [];
}

/** The last full round up to `index`: nothing older than it counts. */
export function baseIndexOf(rounds: readonly RoundMeta[], index: number): number {
  return rounds.slice(0, index + 1).findLastIndex((meta) => meta.kind === 'full');
}

/**
 * Finds the newest stored content of every page in the layout of round `upTo`
 * (default: the last one). Pages that no round stores are not in the result.
 *
 * A sweep over all extents by address, with a heap of those that cover the
 * current page: O(n log n) time and O(n) memory in the number of extents,
 * independent of the number of rounds and of pages.
 */
export function resolveChain(rounds: readonly RoundMeta[], upTo = rounds.length - 1): PageMap {
  const builder = new PageMapBuilder();
  if (upTo < 0) return builder.build();
  const intervals = collectIntervals(rounds, Math.max(0, baseIndexOf(rounds, upTo)), upTo);
  const clip = new LayoutClip(layoutAt(rounds, upTo));

  sweep(intervals, (start, end, index) => {
    const extent = intervals.extent[index] ?? NO_EXTENT;
    const meta = rounds[intervals.round[index] ?? 0];
    if (extent === NO_EXTENT || !meta) return;
    const extentStart = intervals.start[index] ?? 0;
    const filePage = meta.extents.isZero(extent) ? -1 : meta.extents.filePage(extent);
    clip.forEach(start, end, (page, nrPages) => {
      const at = filePage < 0 ? -1 : filePage + page - extentStart;
      builder.add(page, nrPages, meta.number, extent, at);
    });
  });
  return builder.build();
}

function collectIntervals(rounds: readonly RoundMeta[], from: number, to: number): Intervals {
  const chosen = rounds.slice(from, to + 1);
  const capacity = chosen.reduce(
    (sum, meta) => sum + meta.cleared.length / 2 + meta.extents.length,
    0,
  );
  const intervals: Intervals = {
    length: 0,
    start: new Float64Array(capacity),
    end: new Float64Array(capacity),
    round: new Uint32Array(capacity),
    extent: new Int32Array(capacity),
  };
  chosen.forEach((meta, i) => {
    addRound(intervals, meta, from + i);
  });
  return intervals;
}

/** A round's cleared ranges come first: they void older rounds, not this one. */
function addRound(intervals: Intervals, { cleared, extents }: RoundMeta, round: number): void {
  const add = (start: number, end: number, extent: number) => {
    const i = intervals.length++;
    intervals.start[i] = start;
    intervals.end[i] = end;
    intervals.round[i] = round;
    intervals.extent[i] = extent;
  };
  for (let i = 0; i < cleared.length; i += 2) add(cleared[i] ?? 0, cleared[i + 1] ?? 0, NO_EXTENT);
  for (let i = 0; i < extents.length; i++) {
    add(extents.page(i), extents.page(i) + extents.nrPages(i), i);
  }
}

/** Calls `visit` by address with the interval that counts for [start, end). */
function sweep(
  { length, start, end }: Intervals,
  visit: (start: number, end: number, index: number) => void,
): void {
  const startOf = (index: number) => start[index] ?? Infinity;
  const endOf = (index: number) => end[index] ?? 0;
  const order = Uint32Array.from({ length }, (_, index) => index);
  order.sort((a, b) => startOf(a) - startOf(b));

  const active = new MaxHeap(length);
  let next = 0;
  let position = 0;
  for (;;) {
    while (active.top >= 0 && endOf(active.top) <= position) active.pop();
    if (active.top < 0) {
      if (next === length) return;
      position = startOf(order[next] ?? 0);
    }
    while (next < length && startOf(order[next] ?? 0) <= position) active.push(order[next++] ?? 0);
    const top = active.top;
    const nextStart = next < length ? startOf(order[next] ?? 0) : Infinity;
    const stop = Math.min(endOf(top), nextStart);
    visit(position, stop, top);
    position = stop;
  }
}

/** Cuts ranges, which come by address, to the VMAs of a layout. */
class LayoutClip {
  readonly #vmas: readonly VmaRecord[];
  #index = 0;

  constructor(vmas: readonly VmaRecord[]) {
    this.#vmas = vmas;
  }

  forEach(start: number, end: number, visit: (page: number, nrPages: number) => void): void {
    for (let vma = this.#vmas[this.#index]; vma && vma.startPage < end;) {
      const from = Math.max(start, vma.startPage);
      const to = Math.min(end, vma.endPage);
      if (from < to) visit(from, to - from);
      if (vma.endPage >= end) return;
      vma = this.#vmas[++this.#index];
    }
  }
}
