import { Buffer } from 'node:buffer';

/** Kinds of mappings; {@link Layout.kind} is an index into this table. */
export const vmaKinds = [
  'anon-private',
  'file-private',
  'anon-shared',
  'file-shared',
  'special',
] as const;
export type VmaKind = (typeof vmaKinds)[number];

/** What the module does with a mapping; {@link Layout.state} is an index into this table. */
export const vmaStates = [
  'tracked',
  'swappable',
  'readonly',
  'kind',
  'stack',
  'special-flags',
  'huge',
  'hugetlb',
  'sealed',
] as const;
export type VmaState = (typeof vmaStates)[number];

/** Bits of {@link Layout.prot}. */
export const vmaProt = { read: 1, write: 2, exec: 4 } as const;

/** 32-bit words of a `struct tracker_vma`, and where its fields are. */
const stride = 10;
const word = {
  start: 0,
  end: 2,
  regionPage: 4,
  region: 6,
  prot: 7,
  kindAndState: 8,
  file: 9,
} as const;

/**
 * Every mapping of a target by ascending address, over the bytes the kernel wrote: no object per
 * mapping. Pages are address / 4096.
 */
export class Layout {
  /** number of mappings */
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  /** @param bytes array of `struct tracker_vma`, aligned to 4 bytes */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    this.length = this.#words.length / stride;
  }

  startPage(i: number): number {
    return this.#page(i, word.start);
  }

  endPage(i: number): number {
    return this.#page(i, word.end);
  }

  /** Id of the region behind the mapping, 0 if it is not tracked. */
  region(i: number): number {
    return this.#word(i, word.region);
  }

  /** The region's page that the mapping begins with. */
  regionPage(i: number): number {
    return this.#word(i, word.regionPage) + this.#word(i, word.regionPage + 1) * 2 ** 32;
  }

  /** Bits of {@link vmaProt}. */
  prot(i: number): number {
    return this.#word(i, word.prot);
  }

  /** Index into {@link vmaKinds}; of a tracked mapping, the kind it had before. */
  kind(i: number): number {
    return this.#word(i, word.kindAndState) & 0xffff;
  }

  /** Hash of the file that an untracked mapping shows and of the offset in it, 0 without a file. */
  file(i: number): number {
    return this.#word(i, word.file);
  }

  /** Index into {@link vmaStates}. */
  state(i: number): number {
    return this.#word(i, word.kindAndState) >>> 16;
  }

  kindName(i: number): VmaKind {
    return nameIn(vmaKinds, this.kind(i));
  }

  stateName(i: number): VmaState {
    return nameIn(vmaStates, this.state(i));
  }

  /** Nothing was mapped, unmapped, moved or changed between the two. */
  equals(other: Layout): boolean {
    return Buffer.compare(this.#bytes, other.#bytes) === 0;
  }

  #page(i: number, offset: number): number {
    return (this.#word(i, offset) >>> 12) + this.#word(i, offset + 1) * 2 ** 20;
  }

  #word(i: number, offset: number): number {
    const value = this.#words[i * stride + offset];
    if (value === undefined) throw new RangeError(`mapping ${i} of ${this.length}`);
    return value;
  }
}

/** Return: a name, or the table's index as text where the module is newer than the table. */
function nameIn<T extends string>(table: readonly T[], index: number): T {
  return table[index] ?? (`unknown-${index}` as T);
}
