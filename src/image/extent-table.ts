/** Bytes of one record. */
export const EXTENT_BYTES = 32;

/** `ExtentTable.flags` bits. */
export const EXTENT_ZERO = 1;
export const EXTENT_REF = 2;

const TWO_TO_32 = 2 ** 32;

/** Page numbers are below it, so that sums of two are exact. */
export const MAX_PAGE = 2 ** 52;

/** What one record says; see docs/image-format.md. */
export interface Extent {
  page: number;
  nrPages: number;
  isZero: boolean;
  /** the pages are stored by other extents */
  isRef: boolean;
  /** whose pages file has the pages; 0 for zeros */
  round: number;
  /** page number inside that pages file; 0 for a zero extent */
  filePage: number;
  /** of the extent's bytes; 0 for zeros and refs */
  crc32c: number;
}

/** What a table has to fit to. */
export interface ExtentBounds {
  /** of the round that the table belongs to */
  round: number;
  /** pages in that round's pages file */
  nrFilePages: number;
}

/** What a round says of pages: 32-byte records over the bytes as they are on disk. */
export class ExtentTable {
  readonly length: number;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.length = Math.floor(bytes.byteLength / EXTENT_BYTES);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  page(index: number): number {
    return this.#getUint64(index * EXTENT_BYTES);
  }

  nrPages(index: number): number {
    return this.#view.getUint32(index * EXTENT_BYTES + 8, true);
  }

  /** EXTENT_ZERO, EXTENT_REF or 0 */
  flags(index: number): number {
    return this.#view.getUint32(index * EXTENT_BYTES + 12, true);
  }

  isZero(index: number): boolean {
    return (this.flags(index) & EXTENT_ZERO) !== 0;
  }

  isRef(index: number): boolean {
    return (this.flags(index) & EXTENT_REF) !== 0;
  }

  filePage(index: number): number {
    return this.#getUint64(index * EXTENT_BYTES + 16);
  }

  crc32c(index: number): number {
    return this.#view.getUint32(index * EXTENT_BYTES + 24, true);
  }

  round(index: number): number {
    return this.#view.getUint32(index * EXTENT_BYTES + 28, true);
  }

  at(index: number): Extent {
    return {
      page: this.page(index),
      nrPages: this.nrPages(index),
      isZero: this.isZero(index),
      isRef: this.isRef(index),
      round: this.round(index),
      filePage: this.filePage(index),
      crc32c: this.crc32c(index),
    };
  }

  /** The bytes of one record. */
  record(index: number): Uint8Array {
    return this.bytes.subarray(index * EXTENT_BYTES, (index + 1) * EXTENT_BYTES);
  }

  /** What is wrong with the table by itself, or nothing. */
  findFault(bounds: ExtentBounds): string | undefined {
    if (this.bytes.byteLength % EXTENT_BYTES !== 0) {
      return `the extent table has ${this.bytes.byteLength} bytes, no multiple of ${EXTENT_BYTES}`;
    }
    for (let i = 0; i < this.length; i++) {
      const fault = this.#findExtentFault(i, bounds);
      if (fault) return `extent ${i} ${fault}`;
    }
    return undefined;
  }

  #findExtentFault(index: number, { round, nrFilePages }: ExtentBounds): string | undefined {
    const nrPages = this.nrPages(index);
    const flags = this.flags(index);
    if (nrPages === 0) return 'is empty';
    if (this.page(index) + nrPages > MAX_PAGE) return 'ends behind the address space';
    if (flags === EXTENT_ZERO) return undefined;
    const stored = this.round(index);
    if (flags === EXTENT_REF) {
      return stored > round ? `refers to the later round ${stored}` : undefined;
    }
    if (flags !== 0) return `has unknown flags ${flags}`;
    if (stored !== round) return `claims to be stored by round ${stored}`;
    return this.filePage(index) + nrPages > nrFilePages ? 'ends behind the pages file' : undefined;
  }

  #getUint64(offset: number): number {
    const low = this.#view.getUint32(offset, true);
    return this.#view.getUint32(offset + 4, true) * TWO_TO_32 + low;
  }
}
