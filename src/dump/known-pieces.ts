import type { VmaRecord } from '../image/index.js';
import type { Piece } from './piece-sweep.js';

/**
 * Where the images already have each region. A piece that is elsewhere now (moved, grown, new)
 * is not known: the pages stored for its address are other pages.
 */
export class KnownPieces {
  /** by region, ascending by address */
  readonly #pieces = new Map<number, Piece[]>();

  /** @param vmas layout of the last round, of the same session; null if there is none */
  constructor(vmas: readonly VmaRecord[] | null) {
    for (const { region = 0, regionPage = 0, startPage, endPage } of vmas ?? []) {
      if (region === 0) continue;
      const list = this.#pieces.get(region) ?? [];
      list.push({ page: startPage, endPage, regionPage });
      this.#pieces.set(region, list);
    }
  }

  /** Splits a piece of today's layout into known and unknown parts, by address. */
  *split(region: number, piece: Piece): Generator<Piece & { isKnown: boolean }> {
    const shift = piece.regionPage - piece.page;
    let page = piece.page;
    const pieces = this.#pieces.get(region) ?? [];
    for (let i = firstEndingAfter(pieces, page); i < pieces.length; i++) {
      const known = pieces[i];
      if (!known || known.page >= piece.endPage) break;
      if (known.regionPage - known.page !== shift) continue;
      const start = Math.max(page, known.page);
      const end = Math.min(piece.endPage, known.endPage);
      if (page < start) yield { page, endPage: start, regionPage: page + shift, isKnown: false };
      yield { page: start, endPage: end, regionPage: start + shift, isKnown: true };
      page = end;
    }
    if (page < piece.endPage)
      yield { page, endPage: piece.endPage, regionPage: page + shift, isKnown: false };
  }
}

/**
 * Index of the first piece that ends after an address' page. Pieces are sorted and disjoint by
 * address, even where they show the same pages of the region.
 */
function firstEndingAfter(pieces: readonly Piece[], page: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle]?.endPage ?? 0) > page) high = middle;
    else low = middle + 1;
  }
  return low;
}
