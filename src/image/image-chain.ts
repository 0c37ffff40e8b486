import { PAGE_SIZE } from './page.js';
import type { PageMap, StoredPiece } from './page-map.js';
import type { MemberRecord } from './member-record.js';
import { memberOf, type RoundMeta } from './round-meta.js';
import { layoutAt } from './rounds-of.js';
import { TreeResolver } from './tree-resolver.js';
import { indexOfVma, isFileBacked, vmaAt, type VmaRecord } from './vma-record.js';

/** Where the content of consecutive pages of the target comes from. */
export type ContentPiece =
  | ({ source: 'round' } & StoredPiece)
  /** pages of zeros, stored as such or never touched */
  | { source: 'zero'; page: number; nrPages: number }
  /** pages of the mapped file that no round stores; page number inside that file */
  | { source: 'file'; page: number; nrPages: number; vma: VmaRecord; filePage: number };

/** Whose memory to look at, and when. */
export interface ChainOptions {
  /** the first one that lives if absent */
  member?: number | undefined;
  /** round number; the last one if absent */
  upTo?: number | undefined;
  /** of the same rounds: to look at several members without finding twice what they share */
  resolver?: TreeResolver;
}

/** A member's memory as a chain of rounds has it at one round. */
export class ImageChain {
  readonly rounds: readonly RoundMeta[];
  /** the round that the chain is looked at from */
  readonly meta: RoundMeta;
  /** the member in that round */
  readonly record: MemberRecord;
  readonly vmas: readonly VmaRecord[];
  /** what is stored of mappings that show no segment */
  readonly pageMap: PageMap;
  readonly #resolver: TreeResolver;

  /**
   * `rounds` of an ImageDirectory, at least one.
   * @throws RangeError where there is no such round, or no such member in it
   */
  constructor(
    rounds: readonly RoundMeta[],
    { member, upTo = rounds.length - 1, resolver = new TreeResolver(rounds) }: ChainOptions = {},
  ) {
    const meta = rounds[upTo];
    if (!meta) throw new RangeError(`no round ${upTo} in a chain of ${rounds.length}`);
    const record = member === undefined ? meta.members[0] : memberOf(meta, member);
    if (!record) throw new RangeError(`no member ${member ?? 0} in round ${upTo}`);
    this.rounds = rounds;
    this.meta = meta;
    this.record = record;
    this.vmas = layoutAt(rounds, record.member, upTo);
    this.#resolver = resolver;
    this.pageMap = resolver.pageMap(record.member, upTo);
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
    for (const entry of this.#stored(vma, startPage, endPage)) {
      if (position < entry.page) yield notStored(vma, position, entry.page);
      position = entry.page + entry.nrPages;
      yield entry.isZero
        ? { source: 'zero', page: entry.page, nrPages: entry.nrPages }
        : { source: 'round', ...entry };
    }
    if (position < endPage) yield notStored(vma, position, endPage);
  }

  /** What is stored of a part of a mapping, by the member or its segment. */
  *#stored(vma: VmaRecord, startPage: number, endPage: number): Generator<StoredPiece> {
    if (vma.segment === undefined) {
      yield* this.pageMap.entries(startPage, endPage);
      return;
    }
    const map = this.#resolver.segmentMap(vma.segment, this.meta.number);
    const shift = vma.offset / PAGE_SIZE - vma.startPage;
    for (const entry of map.entries(startPage + shift, endPage + shift))
      yield { ...entry, page: entry.page - shift };
  }
}

function notStored(vma: VmaRecord, page: number, endPage: number): ContentPiece {
  const nrPages = endPage - page;
  if (!isFileBacked(vma)) return { source: 'zero', page, nrPages };
  const filePage = vma.offset / PAGE_SIZE + page - vma.startPage;
  return { source: 'file', page, nrPages, vma, filePage };
}
