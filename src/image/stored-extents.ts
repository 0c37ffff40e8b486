import { EXTENT_BYTES, type ExtentTable } from './extent-table.js';
import type { RoundMeta } from './round-meta.js';

const cache = new WeakMap<RoundMeta, StoredExtents>();

/** A stored extent of a round, by the one whose it is. */
export interface StoredExtent {
  /** `member 2` or `segment 1`, for messages */
  owner: string;
  page: number;
  nrPages: number;
  filePage: number;
}

/** What has bytes in a round's pages file, whosever it is, in the order of the file. */
export class StoredExtents {
  readonly length: number;
  readonly #tables: ExtentTable[] = [];
  readonly #owners: string[] = [];
  /** which table, and which record of it */
  readonly #table: Uint32Array;
  readonly #record: Uint32Array;
  readonly #filePage: Float64Array;

  private constructor({ members, segments }: RoundMeta) {
    for (const { member, extents } of members) this.#addTable(`member ${member}`, extents);
    for (const { segment, extents } of segments) this.#addTable(`segment ${segment}`, extents);
    const found = this.#findStored();
    this.length = found.length;
    this.#table = found.table;
    this.#record = found.record;
    this.#filePage = found.filePage;
  }

  /** Made once for each round. */
  static of(meta: RoundMeta): StoredExtents {
    let stored = cache.get(meta);
    if (!stored) {
      stored = new StoredExtents(meta);
      cache.set(meta, stored);
    }
    return stored;
  }

  at(index: number): StoredExtent {
    const table = this.#tableOf(index);
    const record = this.#record[index] ?? 0;
    return {
      owner: this.#owners[this.#table[index] ?? 0] ?? '',
      page: table?.page(record) ?? 0,
      nrPages: this.#nrPages(index),
      filePage: this.#filePage[index] ?? 0,
    };
  }

  /** The extents that have pages of [filePage, filePage + nrPages): first index, and one behind. */
  indexesOf(filePage: number, nrPages: number): [first: number, end: number] {
    const first = this.#firstEndingAfter(filePage);
    let end = first;
    while (end < this.length && (this.#filePage[end] ?? 0) < filePage + nrPages) end++;
    return [first, end];
  }

  /** Whether every page of [filePage, filePage + nrPages) is of an extent. */
  covers(filePage: number, nrPages: number): boolean {
    let position = filePage;
    for (let i = this.#firstEndingAfter(filePage); i < this.length; i++) {
      if ((this.#filePage[i] ?? 0) > position) return false;
      position = this.#end(i);
      if (position >= filePage + nrPages) return true;
    }
    return false;
  }

  /** Two extents with the same bytes, or nothing. */
  findOverlap(): [StoredExtent, StoredExtent] | undefined {
    for (let i = 1; i < this.length; i++) {
      if ((this.#filePage[i] ?? 0) < this.#end(i - 1)) return [this.at(i - 1), this.at(i)];
    }
    return undefined;
  }

  /** An extent table of the chosen ones. */
  subset(indexes: readonly number[]): Uint8Array {
    const bytes = new Uint8Array(indexes.length * EXTENT_BYTES);
    indexes.forEach((index, i) => {
      const record = this.#tableOf(index)?.record(this.#record[index] ?? 0);
      if (record) bytes.set(record, i * EXTENT_BYTES);
    });
    return bytes;
  }

  #addTable(owner: string, extents: ExtentTable): void {
    this.#owners.push(owner);
    this.#tables.push(extents);
  }

  #tableOf(index: number): ExtentTable | undefined {
    return this.#tables[this.#table[index] ?? 0];
  }

  #nrPages(index: number): number {
    return this.#tableOf(index)?.nrPages(this.#record[index] ?? 0) ?? 0;
  }

  #end(index: number): number {
    return (this.#filePage[index] ?? 0) + this.#nrPages(index);
  }

  #firstEndingAfter(filePage: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#end(middle) > filePage) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #findStored() {
    const capacity = this.#tables.reduce((sum, { length }) => sum + length, 0);
    const columns = {
      table: new Uint32Array(capacity),
      record: new Uint32Array(capacity),
      filePage: new Float64Array(capacity),
    };
    let length = 0;
    this.#tables.forEach((extents, table) => {
      for (let record = 0; record < extents.length; record++) {
        if (extents.flags(record) !== 0) continue;
        columns.table[length] = table;
        columns.record[length] = record;
        columns.filePage[length++] = extents.filePage(record);
      }
    });
    return { length, ...sortByFilePage(columns, length) };
  }
}

interface Columns {
  table: Uint32Array;
  record: Uint32Array;
  filePage: Float64Array;
}

/** Tables that were appended to one after the other are sorted already. */
function sortByFilePage({ table, record, filePage }: Columns, length: number): Columns {
  const at = (index: number) => filePage[index] ?? 0;
  let isSorted = true;
  for (let i = 1; i < length; i++) isSorted &&= at(i - 1) <= at(i);
  if (isSorted) return { table, record, filePage };
  const order = Uint32Array.from({ length }, (_, index) => index);
  order.sort((a, b) => at(a) - at(b));
  return {
    table: order.map((index) => table[index] ?? 0),
    record: order.map((index) => record[index] ?? 0),
    filePage: Float64Array.from(order, at),
  };
}
