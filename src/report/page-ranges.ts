import type { Layer } from '../image/layer.js';
import { INHERITED_STRIDE } from '../image/member-record.js';

/** Consecutive pages of which a round says the same. */
export interface PageRange {
  startPage: number;
  /** page after the last one */
  endPage: number;
  /**
   * `cleared`: what older rounds have stored there is void; `ref`: stored for another one, or by an
   * older round; `inherited`: another member's
   */
  content: 'data' | 'zero' | 'cleared' | 'ref' | 'inherited';
}

/** What a round says of which pages of a member, by address; extents that touch are one range. */
export function pageRanges({ extents, cleared, inherited }: Layer): PageRange[] {
  const ranges: PageRange[] = [];
  for (let i = 0; i < cleared.length; i += 2) {
    ranges.push({
      startPage: cleared[i] ?? 0,
      endPage: cleared[i + 1] ?? 0,
      content: 'cleared',
    });
  }
  for (let i = 0; i < (inherited?.length ?? 0); i += INHERITED_STRIDE) {
    const startPage = inherited?.[i] ?? 0;
    const endPage = startPage + (inherited?.[i + 1] ?? 0);
    ranges.push({ startPage, endPage, content: 'inherited' });
  }
  for (let i = 0; i < extents.length; i++) {
    const startPage = extents.page(i);
    const endPage = startPage + extents.nrPages(i);
    const content = extents.isZero(i) ? 'zero' : extents.isRef(i) ? 'ref' : 'data';
    ranges.push({ startPage, endPage, content });
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
