import type { ContentPiece, Holders } from './content-pieces.js';
import type { Backing } from './family.js';
import { type Interval, sortBoundaries } from './intervals.js';

/**
 * Contents that a process has while it forks, for itself or for descendants. `start`, `end` are
 * contents.
 */
export interface Carried extends Interval {
  /** how many of the process and its descendants have them */
  nrBelow: number;
  /** do others, too, so that it has to get them from its parent? */
  isInherited: boolean;
  /** does the process itself have them, and not only descendants? */
  isOwn: boolean;
  /**
   * The page of a content while the process forks is so much more than its number: its own page, or
   * one that descendants like.
   */
  shift: number;
  /** of the mapping there */
  backing: Backing;
  /** which of the children get it, in the order in which they are forked; -1: none */
  firstChild: number;
  lastChild: number;
}

/**
 * What a process has to have while it forks: what is shared and is its own, and what its children
 * inherit. One sweep over the contents. Returns it sorted by content.
 * @param children what each of them carries
 * @param holders how many have it in all, sorted by content
 */
export function carriedBy(
  own: readonly ContentPiece[],
  children: readonly (readonly Carried[])[],
  holders: readonly Holders[],
): Carried[] {
  return new Merge(own, children, holders).run();
}

interface Source {
  /** -1: the process itself */
  child: number;
  nrBelow: number;
  piece: ContentPiece;
}

class Merge {
  readonly #sources: Source[] = [];
  readonly #holders: readonly Holders[];
  readonly #active: ActiveChildren;
  readonly #result: Carried[] = [];
  #own: ContentPiece | undefined;
  #nrBelow = 0;
  #nextHolders = 0;

  constructor(
    own: readonly ContentPiece[],
    children: readonly (readonly Carried[])[],
    holders: readonly Holders[],
  ) {
    for (const piece of own) this.#sources.push({ child: -1, nrBelow: 1, piece });
    children.forEach((carried, child) => {
      for (const piece of carried)
        if (piece.isInherited) this.#sources.push({ child, nrBelow: piece.nrBelow, piece });
    });
    this.#holders = holders;
    this.#active = new ActiveChildren(children.length);
  }

  run(): Carried[] {
    let start = 0;
    for (const code of sortBoundaries(this.#sources.map(({ piece }) => piece))) {
      const source = this.#sources[code >> 1] as Source;
      const isStart = (code & 1) === 1;
      const at = isStart ? source.piece.start : source.piece.end;
      if (start < at && this.#nrBelow > 0) this.#split(start, at);
      this.#change(source, isStart);
      start = at;
    }
    return this.#result;
  }

  #change({ child, nrBelow, piece }: Source, isStart: boolean): void {
    this.#nrBelow += isStart ? nrBelow : -nrBelow;
    if (child >= 0) this.#active.set(child, isStart ? piece : undefined);
    else this.#own = isStart ? piece : undefined;
  }

  /** Tells what others have, too. What is shared is never one process' alone. */
  #split(start: number, end: number): void {
    if (this.#nrBelow === 1) {
      this.#emit(start, end, true);
      return;
    }
    let at = start;
    while (at < end) {
      const holders = this.#holders[this.#nextHolders];
      if (!holders) throw new RangeError('contents that nobody has');
      if (holders.end <= at) {
        this.#nextHolders++;
        continue;
      }
      const until = Math.min(end, holders.end);
      this.#emit(at, until, this.#nrBelow < holders.nrHolders);
      at = until;
    }
  }

  /** Of many parts that are the same, no object is made. */
  #emit(start: number, end: number, isInherited: boolean): void {
    const firstChild = this.#active.first();
    const lastChild = this.#active.last();
    const isOwn = this.#own !== undefined;
    const from = this.#own ?? this.#active.of(firstChild);
    if (!from) return;
    const { shift, backing } = from;
    const nrBelow = this.#nrBelow;
    const last = this.#result.at(-1);
    const isNext =
      last?.end === start &&
      last.shift === shift &&
      last.isInherited === isInherited &&
      (!isInherited || last.nrBelow === nrBelow) &&
      last.isOwn === isOwn &&
      last.firstChild === firstChild &&
      last.lastChild === lastChild &&
      isSameBacking(last.backing, backing);
    if (isNext) {
      last.end = end;
      return;
    }
    const who = { nrBelow, isOwn, isInherited, firstChild, lastChild };
    this.#result.push({ start, end, shift, backing, ...who });
  }
}

/** Can pages that are in one mapping be in the other one, at the same addresses? */
export function isSameBacking(a: Backing, b: Backing): boolean {
  return a === b || (a.file === b.file && (a.file === '' || a.origin === b.origin));
}

const bitsPerWord = 32;

/** Which children have the content that the sweep is at. */
class ActiveChildren {
  readonly #pieces: (ContentPiece | undefined)[];
  readonly #bits: Uint32Array;

  constructor(nrChildren: number) {
    this.#pieces = Array.from({ length: nrChildren });
    this.#bits = new Uint32Array(Math.ceil(nrChildren / bitsPerWord));
  }

  set(child: number, piece: ContentPiece | undefined): void {
    this.#pieces[child] = piece;
    const word = Math.floor(child / bitsPerWord);
    const bit = 1 << (child % bitsPerWord);
    const bits = this.#bits[word] ?? 0;
    this.#bits[word] = piece ? bits | bit : bits & ~bit;
  }

  of(child: number): ContentPiece | undefined {
    return this.#pieces[child];
  }

  /** -1 if there is none */
  first(): number {
    for (let word = 0; word < this.#bits.length; word++) {
      const bits = this.#bits[word] ?? 0;
      if (bits !== 0) return word * bitsPerWord + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }

  /** -1 if there is none */
  last(): number {
    for (let word = this.#bits.length - 1; word >= 0; word--) {
      const bits = this.#bits[word] ?? 0;
      if (bits !== 0) return word * bitsPerWord + (31 - Math.clz32(bits));
    }
    return -1;
  }
}
