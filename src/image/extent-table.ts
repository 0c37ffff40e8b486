const RECORD_BYTES = 32;
const FLAG_ZERO = 1;
const TWO_TO_32 = 2 ** 32;
const MAX_PAGE = 2 ** 52;
const MAX_RECORD_PAGES = TWO_TO_32 - 1;

/** What one record says; see docs/image-format.md. */
export interface Extent {
  page: number;
  nrPages: number;
  isZero: boolean;
  /** page number inside the pages file; 0 for a zero extent */
  filePage: number;
  crc32c: number;
}

/** The stored pages of a round: 32-byte records over the bytes as they are on disk. */
export class ExtentTable {
  readonly length: number;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.length = Math.floor(bytes.byteLength / RECORD_BYTES);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Records for `nrPages` pages of zeros from `page` on. */
  static zeros(page: number, nrPages: number): ExtentTable {
    const nrRecords = Math.ceil(nrPages / MAX_RECORD_PAGES);
    const table = new ExtentTable(new Uint8Array(nrRecords * RECORD_BYTES));
    for (let i = 0; i < nrRecords; i++) {
      const first = i * MAX_RECORD_PAGES;
      table.#setUint64(i * RECORD_BYTES, page + first);
      table.#view.setUint32(
        i * RECORD_BYTES + 8,
        Math.min(MAX_RECORD_PAGES, nrPages - first),
        true,
      );
      table.#view.setUint32(i * RECORD_BYTES + 12, FLAG_ZERO, true);
    }
    return table;
  }

  page(index: number): number {
    return this.#getUint64(index * RECORD_BYTES);
  }

  nrPages(index: number): number {
    return this.#view.getUint32(index * RECORD_BYTES + 8, true);
  }

  isZero(index: number): boolean {
    return (this.#view.getUint32(index * RECORD_BYTES + 12, true) & FLAG_ZERO) !== 0;
  }

  filePage(index: number): number {
    return this.#getUint64(index * RECORD_BYTES + 16);
  }

  at(index: number): Extent {
    return {
      page: this.page(index),
      nrPages: this.nrPages(index),
      isZero: this.isZero(index),
      filePage: this.filePage(index),
      crc32c: this.#view.getUint32(index * RECORD_BYTES + 24, true),
    };
  }

  /** A table of the chosen records only. */
  subset(indexes: readonly number[]): ExtentTable {
    const bytes = new Uint8Array(indexes.length * RECORD_BYTES);
    indexes.forEach((index, i) => {
      const start = index * RECORD_BYTES;
      bytes.set(this.bytes.subarray(start, start + RECORD_BYTES), i * RECORD_BYTES);
    });
    return new ExtentTable(bytes);
  }

  /** What is wrong with the table of a pages file with `nrFilePages`, or nothing. */
  findFault(nrFilePages: number): string | undefined {
    if (this.bytes.byteLength % RECORD_BYTES !== 0) {
      return `the extent table has ${this.bytes.byteLength} bytes, no multiple of ${RECORD_BYTES}`;
    }
    for (let i = 0; i < this.length; i++) {
      const nrPages = this.nrPages(i);
      const flags = this.#view.getUint32(i * RECORD_BYTES + 12, true);
      if (flags & ~FLAG_ZERO) return `extent ${i} has unknown flags ${flags}`;
      if (nrPages === 0) return `extent ${i} is empty`;
      if (this.page(i) + nrPages > MAX_PAGE) return `extent ${i} ends behind the address space`;
      if (flags === 0 && this.filePage(i) + nrPages > nrFilePages) {
        return `extent ${i} ends behind the pages file`;
      }
    }
    return undefined;
  }

  #getUint64(offset: number): number {
    const low = this.#view.getUint32(offset, true);
    return this.#view.getUint32(offset + 4, true) * TWO_TO_32 + low;
  }

  #setUint64(offset: number, value: number): void {
    this.#view.setUint32(offset, value % TWO_TO_32, true);
    this.#view.setUint32(offset + 4, Math.floor(value / TWO_TO_32), true);
  }
}
