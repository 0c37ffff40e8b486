/** Most tables are of one region in one round, and short. */
const firstRows = 4;

/** A growing run table: rows of `stride` numbers in one typed array. */
export class RunTable {
  #rows: Float64Array;
  #length = 0;

  constructor(readonly stride: number) {
    this.#rows = new Float64Array(stride * firstRows);
  }

  /** rows */
  get length(): number {
    return this.#length / this.stride;
  }

  /** Appends one row of `stride` numbers. */
  push(...row: number[]): void {
    this.#reserve(row.length);
    this.#rows.set(row, this.#length);
    this.#length += row.length;
  }

  /** Appends the rows of another table. */
  pushAll(other: RunTable): void {
    this.#reserve(other.#length);
    this.#rows.set(other.view(), this.#length);
    this.#length += other.#length;
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

  #reserve(nrNumbers: number): void {
    const wanted = this.#length + nrNumbers;
    if (wanted <= this.#rows.length) return;
    const grown = new Float64Array(Math.max(wanted, this.#rows.length * 2));
    grown.set(this.view());
    this.#rows = grown;
  }
}
