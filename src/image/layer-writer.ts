import type { CopyPagesResult, PageSource } from './native-page-copy.js';
import { ExtentTable } from './extent-table.js';
import { ExtentTableBuilder } from './extent-table-builder.js';
import type { Layer } from './layer.js';
import type { PageJob } from './page-job.js';

/** Pages of one source to append to a round; see {@link PageSource}. */
export interface AppendOptions extends PageJob {
  sourceFd: number;
  /** whose memory the source is; see {@link PageSource} */
  sourcePid?: number;
  sourceName?: string;
  runs: Float64Array;
  allowUnreadable?: boolean;
}

/** Pages to append to a round. */
export interface AppendAllOptions extends PageJob {
  sources: readonly PageSource[];
}

/** What one append has stored. */
export interface AppendResult {
  nrPages: number;
  nrZeroPages: number;
  bytesWritten: number;
  /** index of the source, page, nrPages: not stored, for they could not be read; and so on */
  unreadable: Float64Array;
  /** which page went where, in the order of the runs: what refs of others need */
  extents: ExtentTable;
}

/** What is stored so far. */
export interface StoredCounts {
  /** pages with an extent of their own, those of zeros included */
  nrPages: number;
  /** pages of zeros, which take no bytes */
  nrZeroPages: number;
  /** pages that other extents store */
  nrRefPages: number;
}

/** The round that a layer is a part of. */
export interface LayerRound {
  /** copies pages, and hands the result to `store` before another call is let in */
  copy: (
    options: AppendAllOptions,
    store: (result: CopyPagesResult) => void,
  ) => Promise<CopyPagesResult>;
  assertIdle: () => void;
}

/** Writes the pages of a member or segment in one round. Made by a RoundWriter. */
export class LayerWriter {
  readonly #round: LayerRound;
  readonly #extents = new ExtentTableBuilder();
  readonly #cleared: number[] = [];
  readonly #counts: StoredCounts = { nrPages: 0, nrZeroPages: 0, nrRefPages: 0 };

  constructor(round: LayerRound) {
    this.#round = round;
  }

  get counts(): Readonly<StoredCounts> {
    return this.#counts;
  }

  /** Copies pages of one source into the round, as {@link appendAll} does. */
  async append({
    sourceFd,
    sourcePid,
    sourceName,
    runs,
    allowUnreadable,
    ...job
  }: AppendOptions): Promise<AppendResult> {
    const name = sourceName === undefined ? {} : { name: sourceName };
    const owner = sourcePid === undefined ? {} : { pid: sourcePid };
    const fromFd = { fd: sourceFd, ...owner, ...name };
    const source = { ...fromFd, runs, allowUnreadable: allowUnreadable ?? false };
    return this.appendAll({ sources: [source], ...job });
  }

  /**
   * Copies pages into the round. Where it stores a page twice, the later one counts.
   * One call at a time in the whole round.
   * @throws ImageError when the images cannot be written: the round is dropped
   * @throws SystemError with syscall `pread` when a source cannot be read, an
   *   error with code `ABORT_ERR` when `signal` stops it: the round is as before
   */
  async appendAll(options: AppendAllOptions): Promise<AppendResult> {
    const { extents, ...result } = await this.#round.copy(options, (copied) => {
      this.#extents.addRecords(copied.extents);
      this.#counts.nrPages += copied.nrPages;
      this.#counts.nrZeroPages += copied.nrZeroPages;
    });
    return { ...result, extents: new ExtentTable(extents) };
  }

  /** Stores pages of zeros; nothing is read. */
  appendZeros(page: number, nrPages: number): void {
    this.#round.assertIdle();
    this.#extents.addZeros(page, nrPages);
    this.#counts.nrPages += nrPages;
    this.#counts.nrZeroPages += nrPages;
  }

  /**
   * Says that pages are those that a round, this one or an older one, has stored from `filePage` on
   * in its pages file, whosever they were.
   */
  addRefs(page: number, nrPages: number, round: number, filePage: number): void {
    this.#round.assertIdle();
    this.#extents.addRefs(page, nrPages, round, filePage);
    this.#counts.nrRefPages += nrPages;
  }

  /** Makes void what older rounds have stored for these pages. This round's own pages stay. */
  clear(startPage: number, endPage: number): void {
    this.#round.assertIdle();
    if (startPage < endPage) this.#cleared.push(startPage, endPage);
  }

  /** What was written, for the metadata. */
  build(): Pick<Layer, 'cleared' | 'extents'> {
    return { cleared: Float64Array.from(this.#cleared), extents: this.#extents.build() };
  }

  protected get round(): LayerRound {
    return this.#round;
  }
}

/** Writes the pages of a member in one round. */
export class MemberWriter extends LayerWriter {
  readonly #inherited: number[] = [];

  /**
   * Says that pages are what those of another member are in this same round, as after a fork. Only
   * in the member's first round; what it stores itself counts all the same.
   */
  inherit(page: number, nrPages: number, fromMember: number, fromPage: number): void {
    this.round.assertIdle();
    if (nrPages > 0) this.#inherited.push(page, nrPages, fromMember, fromPage);
  }

  override build(): Pick<Layer, 'cleared' | 'extents'> & { inherited: Float64Array } {
    return { ...super.build(), inherited: Float64Array.from(this.#inherited) };
  }
}
