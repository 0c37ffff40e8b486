import { PAGE_SIZE } from './page.js';
import type { PageMap, StoredPiece } from './page-map.js';
import { layoutAt, resolveChain } from './resolve-chain.js';
import type { RoundMeta } from './round-meta.js';
import { indexOfVma, isFileBacked, vmaAt, type VmaRecord } from './vma-record.js';

/** Where the content of consecutive pages of the target comes from. */
export type ContentPiece =
  | ({ source: 'round' } & StoredPiece)
  /** pages of zeros, stored as such or never touched */
  | { source: 'zero'; page: number; nrPages: number }
  /** pages of the mapped file that no round stores; page number inside that file */
  | { source: 'file'; page: number; nrPages: number; vma: VmaRecord; filePage: number };

/** The target's memory as a chain of rounds has it at one round. */
export class ImageChain {
  readonly rounds: readonly RoundMeta[];
  /** the round that the chain is looked at from */
  readonly meta: RoundMeta;
  readonly vmas: readonly VmaRecord[];
  readonly pageMap: PageMap;

  /** `rounds` of an ImageDirectory, at least one; `upTo` is a round number. */
  constructor(rounds: readonly RoundMeta[], upTo = rounds.length - 1) {
    const meta = rounds[upTo];
    if (!meta) throw new RangeError(`no round ${upTo} in a chain of ${rounds.length}`);
    this.rounds = rounds;
    this.meta = meta;
    this.vmas = layoutAt(rounds, upTo);
    this.pageMap = resolveChain(rounds, upTo);
  }

  /** The VMA that holds `page`, or nothing. */
  vmaAt(page: number): VmaRecord | undefined {
    return vmaAt(this.vmas, page);
  }

  /** The content of every mapped page in [startPage, endPage), by page. */
  *pieces(startPage = 0, endPage = Infinity): Generator<ContentPiece> {
    for (let i = indexOfVma(this.vmas, startPage); i < this.vmas.length; i++) {
      const vma = this.vmas[i];
      if (!vma || vma.startPage >= endPage) return;
      yield* this.#vmaPieces(
        vma,
        Math.max(startPage, vma.startPage),
        Math.min(endPage, vma.endPage),
      );
    }
  }

  *#vmaPieces(vma: VmaRecord, startPage: number, endPage: number): Generator<ContentPiece> {
    let position = startPage;
    for (const entry of this.pageMap.entries(startPage, endPage)) {
      if (position < entry.page) yield notStored(vma, position, entry.page);
      position = entry.page + entry.nrPages;
      yield entry.isZero
        ? { source: 'zero', page: entry.page, nrPages: entry.nrPages }
        : { source: 'round', ...entry };
    }
    if (position < endPage) yield notStored(vma, position, endPage);
  }
}

function notStored(vma: VmaRecord, page: number, endPage: number): ContentPiece {
  const nrPages = endPage - page;
  if (!isFileBacked(vma)) return { source: 'zero', page, nrPages };
  const filePage = vma.offset / PAGE_SIZE + page - vma.startPage;
  return { source: 'file', page, nrPages, vma, filePage };
}
