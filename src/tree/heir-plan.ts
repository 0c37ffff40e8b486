import type { VmaRecord } from '../image/index.js';

/** Pages of an heir that are what its parent has at the same round, and where the parent has them. */
export interface InheritedRange {
  page: number;
  nrPages: number;
  fromPage: number;
}

/** What an heir has of its parent. */
export interface HeirPlan {
  /** by the heir's address */
  inherited: InheritedRange[];
  /** the same as pieces of mappings, for `planRound`: of them only what is different is stored */
  known: VmaRecord[];
}

/**
 * Finds what of an heir's regions its parent maps too. A region's page is the same one in both,
 * wherever they map it. What the parent does not map is no part of the plan.
 * @param lastRegion the parent's last region when the heir's session began: later ones have the
 *   same numbers and are others
 */
export function planHeir(
  heir: readonly VmaRecord[],
  parent: readonly VmaRecord[],
  lastRegion: number,
): HeirPlan {
  const plan: HeirPlan = { inherited: [], known: [] };
  const byRegion = piecesByRegion(parent);
  for (const vma of heir) {
    const { region, regionPage = 0, startPage, endPage, shared } = vma;
    if (region === undefined || region > lastRegion || shared) continue;
    const pieces = byRegion.get(region) ?? [];
    const end = regionPage + endPage - startPage;
    let at = regionPage;
    for (let i = firstEndingAfter(pieces, at); i < pieces.length && at < end; i++) {
      const piece = pieces[i];
      if (!piece || piece.regionPage >= end) break;
      const from = Math.max(at, piece.regionPage);
      const to = Math.min(end, piece.regionEnd);
      if (from >= to) continue;
      const page = startPage + from - regionPage;
      const nrPages = to - from;
      plan.inherited.push({ page, nrPages, fromPage: piece.page + from - piece.regionPage });
      plan.known.push({ ...vma, startPage: page, endPage: page + nrPages, regionPage: from });
      at = to;
    }
  }
  return plan;
}

/**
 * What is left of inherited ranges, which are sorted, where the heir's own round says something
 * else.
 * @param cleared startPage, endPage pairs, in any order
 */
export function* withoutCleared(
  ranges: readonly InheritedRange[],
  cleared: Float64Array,
): Generator<InheritedRange> {
  const pairs: { start: number; end: number }[] = [];
  for (let i = 0; i < cleared.length; i += 2)
    pairs.push({ start: cleared[i] ?? 0, end: cleared[i + 1] ?? 0 });
  pairs.sort((a, b) => a.start - b.start);
  let next = 0;
  for (const { page, nrPages, fromPage } of ranges) {
    const end = page + nrPages;
    let at = page;
    for (let pair = pairs[next]; pair && pair.start < end; pair = pairs[next]) {
      if (at < pair.start)
        yield { page: at, nrPages: pair.start - at, fromPage: fromPage + at - page };
      at = Math.max(at, Math.min(end, pair.end));
      if (pair.end > end) break;
      next++;
    }
    if (at < end) yield { page: at, nrPages: end - at, fromPage: fromPage + at - page };
  }
}

/** A parent's mapping of a part of a region. */
interface ParentPiece {
  page: number;
  regionPage: number;
  regionEnd: number;
}

function piecesByRegion(vmas: readonly VmaRecord[]): Map<number, ParentPiece[]> {
  const byRegion = new Map<number, ParentPiece[]>();
  for (const { region, regionPage = 0, startPage, endPage, shared } of vmas) {
    if (region === undefined || shared) continue;
    const list = byRegion.get(region) ?? [];
    list.push({ page: startPage, regionPage, regionEnd: regionPage + endPage - startPage });
    byRegion.set(region, list);
  }
  for (const list of byRegion.values()) list.sort((a, b) => a.regionPage - b.regionPage);
  return byRegion;
}

function firstEndingAfter(pieces: readonly ParentPiece[], page: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle]?.regionEnd ?? 0) > page) high = middle;
    else low = middle + 1;
  }
  return low;
}
