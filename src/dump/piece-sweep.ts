/** Part of a region that is shown at an address: [page, endPage) shows it from regionPage on. */
export interface Piece {
  page: number;
  endPage: number;
  regionPage: number;
}

/**
 * Finds which pieces of a region show its dirty pages. Pieces may overlap in the region: shared
 * memory can be mapped several times. Runs are asked for in ascending order; all questions together
 * cost no more than sorting the pieces, and their answers.
 */
export class PieceSweep<T extends Piece> {
  readonly #pieces: readonly T[];
  #next = 0;
  /** pieces that begin before the last run's end and reach behind its start */
  #active: T[] = [];

  constructor(pieces: readonly T[]) {
    this.#pieces = [...pieces].sort((a, b) => a.regionPage - b.regionPage);
  }

  /**
   * The pieces that show some of the region's pages [start, end).
   * @param start not before that of the last call
   */
  showing(start: number, end: number): readonly T[] {
    for (let piece = this.#pieces[this.#next]; piece && piece.regionPage < end;) {
      this.#active.push(piece);
      piece = this.#pieces[++this.#next];
    }
    this.#active = this.#active.filter((piece) => regionEnd(piece) > start);
    return this.#active;
  }
}

function regionEnd({ regionPage, page, endPage }: Piece): number {
  return regionPage + endPage - page;
}
