import { EXTENT_BYTES, EXTENT_REF, EXTENT_ZERO, ExtentTable } from './extent-table.js';

const MAX_RECORD_PAGES = 2 ** 32 - 1;
const FIRST_RECORDS = 64;

/** A record without checksum. */
interface Row {
  page: number;
  nrPages: number;
  flags: number;
  round: number;
  filePage: number;
}

/** Collects extents in the order in which they take effect. */
export class ExtentTableBuilder {
  #bytes = Buffer.alloc(FIRST_RECORDS * EXTENT_BYTES);
  #length = 0;
  /** the last record, if it may grow */
  #last: Row | undefined;

  /** Pages of zeros. */
  addZeros(page: number, nrPages: number): void {
    this.#add({ page, nrPages, flags: EXTENT_ZERO, round: 0, filePage: 0 });
  }

  /** Pages that the pages file of `round` has from `filePage` on. */
  addRefs(page: number, nrPages: number, round: number, filePage: number): void {
    this.#add({ page, nrPages, flags: EXTENT_REF, round, filePage });
  }

  /** Records as they are. */
  addRecords(bytes: Uint8Array): void {
    this.#last = undefined;
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  build(): ExtentTable {
    return new ExtentTable(this.#bytes.subarray(0, this.#length));
  }

  #add({ page, nrPages, flags, round, filePage }: Row): void {
    for (let done = 0; done < nrPages;) {
      const shift = flags === EXTENT_ZERO ? 0 : done;
      const row = { page: page + done, nrPages: 0, flags, round, filePage: filePage + shift };
      const last = this.#lastBefore(row) ?? row;
      const part = Math.min(MAX_RECORD_PAGES - last.nrPages, nrPages - done);
      last.nrPages += part;
      if (last === row) this.#push(row);
      else this.#bytes.writeUInt32LE(last.nrPages, this.#length - EXTENT_BYTES + 8);
      done += part;
    }
  }

  /** The last record, if a row goes on where it ends. */
  #lastBefore({ page, flags, round, filePage }: Row): Row | undefined {
    const last = this.#last;
    if (last?.flags !== flags || last.round !== round) return undefined;
    if (last.nrPages === MAX_RECORD_PAGES || last.page + last.nrPages !== page) return undefined;
    const goesOn = flags === EXTENT_ZERO || last.filePage + last.nrPages === filePage;
    return goesOn ? last : undefined;
  }

  #push(row: Row): void {
    this.#reserve(EXTENT_BYTES);
    const at = this.#length;
    this.#bytes.writeBigUInt64LE(BigInt(row.page), at);
    this.#bytes.writeUInt32LE(row.nrPages, at + 8);
    this.#bytes.writeUInt32LE(row.flags, at + 12);
    this.#bytes.writeBigUInt64LE(BigInt(row.filePage), at + 16);
    this.#bytes.writeUInt32LE(0, at + 24);
    this.#bytes.writeUInt32LE(row.round, at + 28);
    this.#length += EXTENT_BYTES;
    this.#last = row;
  }

  #reserve(nrBytes: number): void {
    if (this.#length + nrBytes <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#length + nrBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
