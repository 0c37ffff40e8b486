/** Where the content of consecutive pages is stored. */
export interface StoredPiece {
  page: number;
  nrPages: number;
  isZero: boolean;
  /** number of the round whose pages file has it; not of interest if `isZero` */
  round: number;
  /** page number inside that pages file; 0 if `isZero` */
  filePage: number;
}

/** The columns of a page map; all of one length. */
export interface PageMapColumns {
  page: Float64Array;
  nrPages: Float64Array;
  round: Uint32Array;
  /** -1 for pages of zeros */
  filePage: Float64Array;
}

/** Which round's pages file has which page: sorted by page, no overlaps, no gaps filled in. */
export class PageMap {
  readonly length: number;

  constructor(readonly columns: PageMapColumns) {
    this.length = columns.page.length;
  }

  /** The entry that holds `page`, cut to begin there; nothing if no round stores it. */
  lookup(page: number): StoredPiece | undefined {
    const index = this.#findEnd(page);
    return index < this.length && this.#start(index) <= page
      ? this.#cut(index, page, Infinity)
      : undefined;
  }

  /** The entries that overlap [startPage, endPage), cut to it, by page. */
  *entries(startPage = 0, endPage = Infinity): Generator<StoredPiece> {
    for (let i = this.#findEnd(startPage); i < this.length && this.#start(i) < endPage; i++) {
      yield this.#cut(i, startPage, endPage);
    }
  }

  /** Index of the first entry that ends after `page`. */
  #findEnd(page: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#end(middle) > page) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #start(index: number): number {
    return this.columns.page[index] ?? Infinity;
  }

  #end(index: number): number {
    return this.#start(index) + (this.columns.nrPages[index] ?? 0);
  }

  #cut(index: number, startPage: number, endPage: number): StoredPiece {
    const page = Math.max(this.#start(index), startPage);
    const filePage = this.columns.filePage[index] ?? -1;
    const isZero = filePage < 0;
    return {
      page,
      nrPages: Math.min(this.#end(index), endPage) - page,
      isZero,
      round: this.columns.round[index] ?? 0,
      filePage: isZero ? 0 : filePage + page - this.#start(index),
    };
  }
}

/** Builds a page map; pieces come sorted. */
export class PageMapBuilder {
  #columns: PageMapColumns = allocate(16);
  #length = 0;

  /** entries so far */
  get length(): number {
    return this.#length;
  }

  /** `filePage` is -1 for pages of zeros. */
  add(page: number, nrPages: number, round: number, filePage: number): void {
    if (this.#join(page, nrPages, round, filePage)) return;
    if (this.#length === this.#columns.page.length) this.#resize(this.#length * 2);
    const i = this.#length++;
    this.#columns.page[i] = page;
    this.#columns.nrPages[i] = nrPages;
    this.#columns.round[i] = round;
    this.#columns.filePage[i] = filePage;
  }

  build(): PageMap {
    this.#resize(this.#length);
    return new PageMap(this.#columns);
  }

  /** A piece that goes on where the last one ends, in memory and in the file. */
  #join(page: number, nrPages: number, round: number, filePage: number): boolean {
    const columns = this.#columns;
    const last = this.#length - 1;
    if (last < 0 || columns.round[last] !== round) return false;
    const lastPages = columns.nrPages[last] ?? 0;
    if ((columns.page[last] ?? 0) + lastPages !== page) return false;
    const lastFilePage = columns.filePage[last] ?? -1;
    if (filePage !== (lastFilePage < 0 ? -1 : lastFilePage + lastPages)) return false;
    columns.nrPages[last] = lastPages + nrPages;
    return true;
  }

  #resize(length: number): void {
    const columns = allocate(length);
    const nrKept = Math.min(length, this.#length);
    columns.page.set(this.#columns.page.subarray(0, nrKept));
    columns.nrPages.set(this.#columns.nrPages.subarray(0, nrKept));
    columns.round.set(this.#columns.round.subarray(0, nrKept));
    columns.filePage.set(this.#columns.filePage.subarray(0, nrKept));
    this.#columns = columns;
  }
}

function allocate(length: number): PageMapColumns {
  return {
    page: new Float64Array(length),
    nrPages: new Float64Array(length),
    round: new Uint32Array(length),
    filePage: new Float64Array(length),
  };
}
