import type { Layer } from './layer.js';
import { MaxHeap } from './max-heap.js';
import { INHERITED_STRIDE } from './member-record.js';

/** Where pages that count are. */
export interface LayerSource {
  /** one zero extent, stored extent or ref */
  stored: (start: number, end: number, round: number, filePage: number) => void;
  /** -1 as `filePage`: pages of zeros */
  inherited: (start: number, end: number, from: number, fromPage: number) => void;
}

type Kind = 'cleared' | 'inherited' | 'extent';
const KINDS: readonly Kind[] = ['cleared', 'inherited', 'extent'];

/**
 * Every cleared, inherited and stored range of some layers, in the order in which they took effect:
 * where two overlap, the one with the larger index counts.
 */
class Intervals {
  length = 0;
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** index into the layers */
  readonly #layer: Uint32Array;
  /** index into KINDS */
  readonly #kind: Uint8Array;
  /** index into the layer's table */
  readonly #index: Uint32Array;

  constructor(readonly layers: readonly Layer[]) {
    const capacity = layers.reduce((sum, layer) => sum + nrIntervals(layer), 0);
    this.start = new Float64Array(capacity);
    this.end = new Float64Array(capacity);
    this.#layer = new Uint32Array(capacity);
    this.#kind = new Uint8Array(capacity);
    this.#index = new Uint32Array(capacity);
    layers.forEach((layer, i) => {
      this.#addLayer(layer, i);
    });
  }

  /** Hands the part [start, end) of an interval to the source, unless it was cleared. */
  visit(start: number, end: number, interval: number, source: LayerSource): void {
    const layer = this.layers[this.#layer[interval] ?? 0];
    const index = this.#index[interval] ?? 0;
    const kind = KINDS[this.#kind[interval] ?? 0];
    if (!layer || kind === 'cleared') return;
    const shift = start - (this.start[interval] ?? 0);
    if (kind === 'extent') {
      const { extents } = layer;
      const filePage = extents.isZero(index) ? -1 : extents.filePage(index) + shift;
      source.stored(start, end, extents.round(index), filePage);
    } else {
      const [, , from = 0, fromPage = 0] = layer.inherited?.subarray(index) ?? [];
      source.inherited(start, end, from, fromPage + shift);
    }
  }

  /** What a layer clears is of older ones: its own pages count, and those that it inherits. */
  #addLayer({ cleared, inherited = new Float64Array(0), extents }: Layer, layer: number): void {
    for (let i = 0; i < cleared.length; i += 2) {
      this.#add(cleared[i] ?? 0, cleared[i + 1] ?? 0, layer, 'cleared', i);
    }
    for (let i = 0; i < inherited.length; i += INHERITED_STRIDE) {
      const page = inherited[i] ?? 0;
      this.#add(page, page + (inherited[i + 1] ?? 0), layer, 'inherited', i);
    }
    for (let i = 0; i < extents.length; i++) {
      const page = extents.page(i);
      this.#add(page, page + extents.nrPages(i), layer, 'extent', i);
    }
  }

  #add(start: number, end: number, layer: number, kind: Kind, index: number): void {
    const i = this.length++;
    this.start[i] = start;
    this.end[i] = end;
    this.#layer[i] = layer;
    this.#kind[i] = KINDS.indexOf(kind);
    this.#index[i] = index;
  }
}

/** Ranges that a layer says something of. */
export function nrIntervals({ cleared, inherited, extents }: Layer): number {
  return cleared.length / 2 + (inherited?.length ?? 0) / INHERITED_STRIDE + extents.length;
}

/**
 * Finds the newest content of every page that `layers`, oldest first, say something of, by address.
 *
 * A sweep over all ranges, with a heap of those that cover the current page: O(n log n) time and
 * O(n) memory in the number of ranges, independent of the number of rounds and of pages.
 */
export function resolveLayers(layers: readonly Layer[], source: LayerSource): void {
  const intervals = new Intervals(layers);
  sweep(intervals, (start, end, interval) => {
    intervals.visit(start, end, interval, source);
  });
}

/** The columns that a sweep looks at. */
export interface SweptRanges {
  length: number;
  start: Float64Array;
  end: Float64Array;
}

/** Calls `visit` by address with the range that counts, the one with the largest index. */
export function sweep(
  { length, start, end }: SweptRanges,
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
