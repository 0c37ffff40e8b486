import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../errors.js';
import { native } from '../native.js';
import { syncDirectory, writeFileSynced } from './durable-file.js';
import { ExtentTable } from './extent-table.js';
import { metaFile, pagesFile, TEMPORARY_SUFFIX } from './file-names.js';
import { runPageJob, type PageJob } from './page-job.js';
import { encodeRoundMeta, findMetaFault, type RoundDetails, type RoundMeta } from './round-meta.js';
import { toWriteError } from './write-error.js';

/** Where a new round goes. */
export interface RoundPosition {
  directory: string;
  imagesId: string;
  number: number;
  parent: string | null;
  /** called once, with the committed round or with nothing when it was dropped */
  onEnd: (meta: RoundMeta | undefined) => void;
}

/** Pages to append to a round. */
export interface AppendOptions extends PageJob {
  /** page n of the source is read at byte n * 4096: a region, `/proc/PID/mem`, a file */
  sourceFd: number;
  /** for error messages, e.g. `memory of pid 7` */
  sourceName?: string;
  /** triples sourcePage, page, nrPages; read fastest where sourcePage is contiguous */
  runs: Float64Array;
  /** report pages that cannot be read instead of failing with EIO */
  allowUnreadable?: boolean;
}

/** What one append has stored. */
export interface AppendResult {
  nrPages: number;
  nrZeroPages: number;
  bytesWritten: number;
  /** pairs page, nrPages: not stored, for they could not be read */
  unreadable: Float64Array;
}

/**
 * A round being written. Nothing of it is seen by readers before `commit`, and
 * a failed write drops it: the chain stays as it was. Use it with `await using`,
 * or `discard` it in a `finally`.
 */
export class RoundWriter implements AsyncDisposable {
  /** random hex */
  readonly id = randomBytes(16).toString('hex');
  readonly number: number;
  readonly #position: RoundPosition;
  readonly #file: FileHandle;
  readonly #abort = new AbortController();
  readonly #tables: Uint8Array[] = [];
  readonly #cleared: number[] = [];
  #running: Promise<unknown> | undefined;
  #isEnded = false;
  #bytes = 0;
  #nrPages = 0;
  #nrZeroPages = 0;

  private constructor(position: RoundPosition, file: FileHandle) {
    this.#position = position;
    this.#file = file;
    this.number = position.number;
  }

  /** For `ImageDirectory.beginRound`. */
  static async create(position: RoundPosition): Promise<RoundWriter> {
    const path = toTemporary(join(position.directory, pagesFile(position.number)));
    try {
      return new RoundWriter(position, await open(path, 'w', 0o600));
    } catch (error) {
      throw toWriteError(error, `beginning round ${position.number}`, path);
    }
  }

  /** Pages stored so far, zero pages included. */
  get nrPages(): number {
    return this.#nrPages;
  }

  /** Pages of zeros so far, which take no bytes. */
  get nrZeroPages(): number {
    return this.#nrZeroPages;
  }

  /** Bytes of page data so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Copies pages into the round. Where it stores a page twice, the later one counts.
   * One call at a time.
   * @throws ImageError when the images cannot be written: the round is dropped
   * @throws SystemError with syscall `pread` when the source cannot be read, an
   *   error with code `ABORT_ERR` when `signal` stops it: the round is as before
   */
  async append(options: AppendOptions): Promise<AppendResult> {
    this.#assertIdle();
    const copy = this.#copy(options);
    this.#running = copy;
    try {
      const { extents, ...result } = await copy;
      this.#add(extents, result.nrPages, result.nrZeroPages);
      this.#bytes += result.bytesWritten;
      return result;
    } catch (error) {
      if (!isSystemError(error) || error.syscall !== 'pwrite') throw error;
      throw await this.#fail(error, toTemporary(this.#pagesPath));
    } finally {
      this.#running = undefined;
    }
  }

  /** Stores pages of zeros; nothing is read. */
  appendZeros(page: number, nrPages: number): void {
    this.#assertIdle();
    this.#add(ExtentTable.zeros(page, nrPages).bytes, nrPages, nrPages);
  }

  /** Makes void what older rounds have stored for these pages. This round's own pages stay. */
  clear(startPage: number, endPage: number): void {
    this.#assertIdle();
    if (startPage < endPage) this.#cleared.push(startPage, endPage);
  }

  /**
   * Makes the round part of the chain; it is on disk when this returns.
   * @throws ImageError when the images cannot be written: the round is dropped
   */
  async commit(details: RoundDetails): Promise<RoundMeta> {
    this.#assertIdle();
    const meta = this.#describe(details);
    const isOrphan = meta.parent === null && meta.kind !== 'full';
    const fault = isOrphan ? 'the first round must be full' : findMetaFault(meta);
    if (fault) throw new TypeError(`round ${this.number} cannot be committed: ${fault}`);
    this.#running = this.#publish(meta);
    try {
      await this.#running;
    } catch (error) {
      throw await this.#fail(error, this.#metaPath);
    }
    this.#end(meta);
    return meta;
  }

  /** Drops the round. Stops a running append first; does nothing after `commit`. */
  async discard(): Promise<void> {
    if (this.#isEnded) return;
    this.#abort.abort();
    await this.#running?.catch(() => undefined);
    await this.#drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard();
  }

  get #pagesPath(): string {
    return join(this.#position.directory, pagesFile(this.number));
  }

  get #metaPath(): string {
    return join(this.#position.directory, metaFile(this.number));
  }

  /** A commit or a failed append may have ended the round while `discard` waited. */
  async #drop(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    try {
      await this.#file.close();
    } finally {
      await this.#removeFiles().finally(() => {
        this.#position.onEnd(undefined);
      });
    }
  }

  #copy({ progress, signal, ...options }: AppendOptions) {
    const signals = [this.#abort.signal, ...(signal ? [signal] : [])];
    return runPageJob({ progress, signal: AbortSignal.any(signals) }, (job) =>
      native.copyPages({
        ...job,
        ...options,
        outFd: this.#file.fd,
        outOffset: this.#bytes,
        outName: this.#pagesPath,
      }),
    );
  }

  #add(extents: Uint8Array, nrPages: number, nrZeroPages: number): void {
    this.#tables.push(extents);
    this.#nrPages += nrPages;
    this.#nrZeroPages += nrZeroPages;
  }

  #describe({ unknownFields = {}, time, stats, ...details }: RoundDetails): RoundMeta {
    const { imagesId, number, parent } = this.#position;
    return {
      ...details,
      number,
      id: this.id,
      parent,
      imagesId,
      time: time ?? new Date().toISOString(),
      stats: {
        ...stats,
        pages: this.#nrPages,
        zeroPages: this.#nrZeroPages,
        bytes: this.#bytes,
      },
      cleared: Float64Array.from(this.#cleared),
      extents: new ExtentTable(Buffer.concat(this.#tables)),
      pagesBytes: this.#bytes,
      unknownFields,
    };
  }

  /** Pages before metadata, each step on disk before the next: the metadata makes the round. */
  async #publish(meta: RoundMeta): Promise<void> {
    const { directory } = this.#position;
    await this.#file.truncate(meta.pagesBytes);
    await this.#file.sync();
    await writeFileSynced(toTemporary(this.#metaPath), encodeRoundMeta(meta));
    await rename(toTemporary(this.#pagesPath), this.#pagesPath);
    await syncDirectory(directory);
    await rename(toTemporary(this.#metaPath), this.#metaPath);
    await syncDirectory(directory);
    await this.#file.close();
  }

  async #fail(error: unknown, file: string): Promise<unknown> {
    // Files that cannot be removed are in nobody's way: readers ignore them.
    await this.discard().catch(() => undefined);
    return toWriteError(error, `writing round ${this.number}`, file);
  }

  /** The metadata first: a round without pages must never be seen. */
  async #removeFiles(): Promise<void> {
    await rm(this.#metaPath, { force: true });
    const paths = [this.#pagesPath, ...[this.#pagesPath, this.#metaPath].map(toTemporary)];
    const outcomes = await Promise.allSettled(paths.map((path) => rm(path, { force: true })));
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  }

  #end(meta: RoundMeta | undefined): void {
    this.#isEnded = true;
    this.#position.onEnd(meta);
  }

  #assertIdle(): void {
    if (this.#isEnded) throw new Error(`round ${this.number} has ended`);
    if (this.#running) throw new Error(`round ${this.number} is still busy with another call`);
  }
}

function toTemporary(path: string): string {
  return path + TEMPORARY_SUFFIX;
}
