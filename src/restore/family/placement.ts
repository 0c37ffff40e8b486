import { type Carried, isSameBacking } from './carried.js';
import type { FreePages } from './family.js';
import { forEachCommon, type Interval } from './intervals.js';

/** Where pages can be that have no room where they are wanted. */
export class Scratch {
  #next: number;
  readonly #end: number;

  constructor({ startPage, endPage }: FreePages) {
    this.#next = startPage;
    this.#end = endPage;
  }

  /** Each range stands alone, so that the kernel does not join its mapping with another one. */
  take(nrPages: number): number {
    const page = this.#next;
    this.#next += nrPages + 1;
    if (this.#next > this.#end)
      throw new RangeError(`no ${nrPages} pages of address space are left that nobody maps`);
    return page;
  }
}

/** Carried contents, of which it is known where they come from. */
export interface Placed extends Carried {
  /** as `shift`, in the parent; null where the process reads them itself */
  parentShift: number | null;
}

/** The pages of placed contents. */
export function pagesOf({ start, end, shift }: Placed): Interval {
  return { start: start + shift, end: end + shift };
}

/**
 * Decides where a process has what it carries: its own at its own addresses, what is inherited
 * where the parent has it, the rest where descendants want it; and at some other place where that
 * one is needed for something else at the same time.
 * @param parent what the parent carries, with its places, sorted by content
 * @returns what the process carries, sorted by content
 */
export function place(
  carried: readonly Carried[],
  parent: readonly Placed[],
  scratch: Scratch,
): Placed[] {
  const placed: Placed[] = [];
  for (const piece of carried) {
    if (!piece.isInherited) add(placed, piece.start, piece.end, piece, undefined);
  }
  const inherited = carried.filter(({ isInherited }) => isInherited);
  forEachCommon(inherited, parent, (start, end, piece, from) => {
    add(placed, start, end, piece, from);
  });
  placed.sort((a, b) => a.start - b.start);
  makeRoom(placed, scratch);
  return placed;
}

/** Of many parts that end up next to each other, no object is made. */
function add(
  placed: Placed[],
  start: number,
  end: number,
  piece: Carried,
  from: Placed | undefined,
): void {
  const { shift, backing } = from && !piece.isOwn ? from : piece;
  const { firstChild, lastChild, isOwn, isInherited, nrBelow } = piece;
  const parentShift = from ? from.shift : null;
  const last = placed.at(-1);
  const isNext =
    last?.end === start &&
    last.shift === shift &&
    last.parentShift === parentShift &&
    last.isOwn === isOwn &&
    last.firstChild === firstChild &&
    last.lastChild === lastChild &&
    isSameBacking(last.backing, backing);
  if (isNext) {
    last.end = end;
    return;
  }
  const place = { shift, backing, parentShift };
  placed.push({ start, end, firstChild, lastChild, isOwn, isInherited, nrBelow, ...place });
}

/** Sends away who is in the way. */
function makeRoom(pieces: readonly Placed[], scratch: Scratch): void {
  let open: { piece: Placed; pages: Interval }[] = [];
  for (const piece of pieces.toSorted((a, b) => a.start + a.shift - (b.start + b.shift))) {
    const pages = pagesOf(piece);
    open = open.filter((other) => other.pages.end > pages.start && isAt(other.piece, other.pages));
    for (const { piece: other } of open) {
      if (!isInTheWay(piece, other)) continue;
      const hasToGo = rank(piece) >= rank(other);
      send(hasToGo ? piece : other, scratch);
      if (hasToGo) break;
    }
    if (isAt(piece, pages)) open.push({ piece, pages });
  }
}

function isAt(piece: Placed, { start }: Interval): boolean {
  return piece.start + piece.shift === start;
}

function send(piece: Placed, scratch: Scratch): void {
  const page = scratch.take(piece.end - piece.start);
  const shift = page - piece.start;
  const { file, origin } = piece.backing;
  piece.backing = { file, origin: origin + (piece.shift - shift) };
  piece.shift = shift;
}

/** Who stays: its own before what is there already before what is yet to be read. */
function rank({ isOwn, isInherited }: Placed): number {
  if (isOwn) return 0;
  return isInherited ? 1 : 2;
}

/** Are both needed when one and the same child is forked, or at the end? */
function isInTheWay(a: Placed, b: Placed): boolean {
  if (!isSameBacking(a.backing, b.backing)) return true;
  return since(a) <= until(b) && since(b) <= until(a);
}

/** The first child that is forked when the contents are there. */
export function since({ isInherited, firstChild }: Carried): number {
  return isInherited ? 0 : firstChild;
}

function until({ isOwn, lastChild }: Carried): number {
  return isOwn ? Infinity : lastChild;
}
