import type { Backing, FamilyProcess, PageRun } from './family.js';
import { forEachCommon, type Interval, sortBoundaries, subtract, unite } from './intervals.js';

/** Contents that a process has at consecutive pages of one mapping. `start`, `end` are contents. */
export interface ContentPiece extends Interval {
  /** the page of a content is so much more than its number */
  shift: number;
  backing: Backing;
}

/** How many processes have contents. */
export interface Holders extends Interval {
  nrHolders: number;
}

/** What of a process' pages it has alone, and what with others. */
export interface SortedContents {
  /** sorted by content */
  shared: ContentPiece[];
  /** sorted by page */
  own: PageRun[];
  /** of `own`: pages of which the process has another one with the same content */
  repeatedPages: number;
}

/**
 * Tells shared from own contents, in one sweep over the contents of all.
 * @returns besides, how many have what is shared, sorted by content
 */
export function sortContents(processes: readonly FamilyProcess[]): {
  sorted: SortedContents[];
  holders: Holders[];
} {
  const pieces = processes.map((process) => withoutRepeated(piecesOf(process)));
  const holders = countHolders(pieces.flatMap(({ once }) => once));
  const common = unite(holders);
  const sorted = pieces.map(({ once, repeated }) => {
    const shared: ContentPiece[] = [];
    forEachCommon(once, common, (start, end, piece) => shared.push({ ...piece, start, end }));
    const own = [...repeated, ...subtract(once, common)].map(runOf);
    own.sort((a, b) => a.page - b.page);
    const repeatedPages = repeated.reduce((sum, { start, end }) => sum + (end - start), 0);
    return { shared, own, repeatedPages };
  });
  return { sorted, holders };
}

/** Sorted by content. */
function piecesOf({ runs, mappings }: FamilyProcess): ContentPiece[] {
  const pieces: ContentPiece[] = [];
  const places = runs.map(({ page, nrPages, content }) => {
    return { start: page, end: page + nrPages, shift: page - content };
  });
  const areas = mappings.map(({ startPage, endPage, file, origin }) => {
    return { start: startPage, end: endPage, backing: { file, origin } };
  });
  forEachCommon(places, areas, (start, end, { shift }, { backing }) => {
    pieces.push({ start: start - shift, end: end - shift, shift, backing });
  });
  return pieces.sort((a, b) => a.start - b.start);
}

/** fork gives no process a page twice, so only one place of a content can come from a parent. */
function withoutRepeated(pieces: readonly ContentPiece[]): {
  once: ContentPiece[];
  repeated: ContentPiece[];
} {
  const once: ContentPiece[] = [];
  const repeated: ContentPiece[] = [];
  let end = 0;
  for (const piece of pieces) {
    const cut = Math.min(Math.max(end, piece.start), piece.end);
    if (piece.start < cut) repeated.push({ ...piece, end: cut });
    if (cut < piece.end) once.push({ ...piece, start: cut });
    end = Math.max(end, piece.end);
  }
  return { once, repeated };
}

/** Only what several have. */
function countHolders(pieces: readonly ContentPiece[]): Holders[] {
  const holders: Holders[] = [];
  let nrHolders = 0;
  let start = 0;
  for (const code of sortBoundaries(pieces)) {
    const piece = pieces[code >> 1] as ContentPiece;
    const isStart = (code & 1) === 1;
    const at = isStart ? piece.start : piece.end;
    if (nrHolders > 1 && start < at) holders.push({ start, end: at, nrHolders });
    nrHolders += isStart ? 1 : -1;
    start = at;
  }
  return holders;
}

function runOf({ start, end, shift }: ContentPiece): PageRun {
  return { page: start + shift, nrPages: end - start, content: start };
}
