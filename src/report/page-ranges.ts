import type { RoundMeta } from '../image/round-meta.js';

/** Consecutive pages of which a round says the same. */
export interface PageRange {
  startPage: number;
  /** page after the last one */
  endPage: number;
  /** `cleared`: what older rounds have stored there is void */
  content: 'data' | 'zero' | 'cleared';
}

/** What a round says of which pages, by address; extents that touch are one range. */
export function pageRanges({ extents, cleared }: RoundMeta): PageRange[] {
  const ranges: PageRange[] = [];
  for (let i = 0; i < cleared.length; i += 2) {
    ranges.push({
      startPage: cleared[i] ?? 0,
      endPage: cleared[i + 1] ?? 0,
      content: 'cleared',
    });
  }
  for (let i = 0; i < extents.length; i++) {
    const startPage = extents.page(i);
    const endPage = startPage + extents.nrPages(i);
    ranges.push({ startPage, endPage, content: extents.isZero(i) ? 'zero' : 'data' });
  }
  return joinTouching(ranges.sort((a, b) => a.startPage - b.startPage));
}

function joinTouching(sorted: readonly PageRange[]): PageRange[] {
  const joined: PageRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last?.endPage === range.startPage && last.content === range.content) {
      last.endPage = range.endPage;
    } else {
      joined.push({ ...range });
    }
  }
  return joined;
}
