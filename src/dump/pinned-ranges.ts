/** Rounds for which a range that was pinned is left alone. */
const patience = 16;

/**
 * Memory that could not be swapped because something has pinned it for DMA. Trying costs a freeze,
 * so it is tried again only now and then.
 */
export class PinnedRanges {
  readonly #until = new Map<string, number>();
  #round = 0;

  /** Begins a round. */
  nextRound(): void {
    this.#round++;
  }

  add(startPage: number, endPage: number): void {
    this.#until.set(`${startPage}-${endPage}`, this.#round + patience);
  }

  /** Whether to leave the range alone in this round. */
  has(startPage: number, endPage: number): boolean {
    return (this.#until.get(`${startPage}-${endPage}`) ?? 0) > this.#round;
  }
}
