/** A growing run table: rows of `stride` numbers in one typed array. */
export class RunTable {
  #rows: Float64Array;
  #length = 0;

  constructor(readonly stride: number) {
    this.#rows = new Float64Array(stride * 64);
  }

  /** rows */
  get length(): number {
    return this.#length / this.stride;
  }

  /** Appends one row of `stride` numbers. */
  push(...row: number[]): void {
    if (this.#length + row.length > this.#rows.length) {
      const grown = new Float64Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    this.#rows.set(row, this.#length);
    this.#length += row.length;
  }

  /** The rows, without a copy. */
  view(): Float64Array {
    return this.#rows.subarray(0, this.#length);
  }

  /** Sum of a column. */
  sum(column: number): number {
    let sum = 0;
    for (let i = column; i < this.#length; i += this.stride) sum += this.#rows[i] ?? 0;
    return sum;
  }
}
