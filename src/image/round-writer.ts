import { randomBytes } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../errors.js';
import { native } from '../native.js';
import { syncDirectory, writeFileSynced } from './durable-file.js';
import { metaFile, pagesFile, TEMPORARY_SUFFIX } from './file-names.js';
import {
  type AppendAllOptions,
  type LayerRound,
  LayerWriter,
  MemberWriter,
  type StoredCounts,
} from './layer-writer.js';
import type { CopyPagesResult, NativePageJob } from './native-page-copy.js';
import { runPageJob } from './page-job.js';
import { buildRoundMeta } from './build-round-meta.js';
import { findRoundFault } from './round-fault.js';
import { encodeRoundMeta, type RoundDetails, type RoundMeta } from './round-meta.js';
import { toWriteError } from './write-error.js';

/** Where a new round goes. */
export interface RoundPosition {
  directory: string;
  imagesId: string;
  /** the rounds before; their number is the new one's */
  rounds: readonly RoundMeta[];
  /** called once, with the committed round or with nothing when it was dropped */
  onEnd: (meta: RoundMeta | undefined) => void;
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
  readonly #members = new Map<number, MemberWriter>();
  readonly #segments = new Map<number, LayerWriter>();
  #running: Promise<unknown> | undefined;
  #isEnded = false;
  #bytes = 0;

  private constructor(position: RoundPosition, file: FileHandle) {
    this.#position = position;
    this.#file = file;
    this.number = position.rounds.length;
  }

  /** For `ImageDirectory.beginRound`. */
  static async create(position: RoundPosition): Promise<RoundWriter> {
    const number = position.rounds.length;
    const path = toTemporary(join(position.directory, pagesFile(number)));
    try {
      return new RoundWriter(position, await open(path, 'w', 0o600));
    } catch (error) {
      throw toWriteError(error, `beginning round ${number}`, path);
    }
  }

  /** Writes a member's pages. `commit` names the member. */
  member(member: number): MemberWriter {
    return getOrMake(this.#members, member, () => new MemberWriter(this.#layerRound()));
  }

  /**
   * Takes back what was written of a member, which has ended meanwhile. Its pages stay in the file:
   * the caller sees to it that no refs lead to them.
   */
  dropMember(member: number): void {
    this.#assertIdle();
    this.#members.delete(member);
  }

  /** Writes a segment's pages, by the page inside it. `commit` names the segment. */
  segment(segment: number): LayerWriter {
    return getOrMake(this.#segments, segment, () => new LayerWriter(this.#layerRound()));
  }

  /** What all members and segments have stored so far. */
  get counts(): StoredCounts {
    const total = { nrPages: 0, nrZeroPages: 0, nrRefPages: 0 };
    for (const { counts } of [...this.#members.values(), ...this.#segments.values()]) {
      total.nrPages += counts.nrPages;
      total.nrZeroPages += counts.nrZeroPages;
      total.nrRefPages += counts.nrRefPages;
    }
    return total;
  }

  /** To read the pages that have been written so far; the caller closes it. */
  async openPages(): Promise<FileHandle> {
    return open(toTemporary(this.#pagesPath), 'r');
  }

  /** Bytes of page data so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Makes the round part of the chain; it is on disk when this returns.
   * @throws ImageError when the images cannot be written: the round is dropped
   * @throws TypeError where the round contradicts itself or the rounds before: nothing is written
   */
  async commit(details: RoundDetails): Promise<RoundMeta> {
    this.#assertIdle();
    const meta = this.#describe(details);
    const fault = findRoundFault(meta, this.#position.rounds);
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

  #layerRound(): LayerRound {
    return {
      copy: (options, store) => this.#append(options, store),
      assertIdle: () => {
        this.#assertIdle();
      },
    };
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

  async #append(
    options: AppendAllOptions,
    store: (result: CopyPagesResult) => void,
  ): Promise<CopyPagesResult> {
    this.#assertIdle();
    const copy = this.#copy(options);
    this.#running = copy;
    try {
      const result = await copy;
      this.#bytes += result.bytesWritten;
      store(result);
      return result;
    } catch (error) {
      if (!isSystemError(error) || error.syscall !== 'pwrite') throw error;
      throw await this.#fail(error, toTemporary(this.#pagesPath));
    } finally {
      this.#running = undefined;
    }
  }

  #copy({ sources, ...job }: AppendAllOptions): Promise<CopyPagesResult> {
    const copy = (nativeJob: NativePageJob) =>
      native.copyPages({
        ...nativeJob,
        sources,
        outFd: this.#file.fd,
        outOffset: this.#bytes,
        round: this.number,
        outName: this.#pagesPath,
      });
    return runPageJob(job, copy, this.#abort.signal);
  }

  #describe(details: RoundDetails): RoundMeta {
    const { imagesId, rounds } = this.#position;
    const layers = { members: this.#members, segments: this.#segments };
    const last = rounds.at(-1);
    const head = { number: this.number, id: this.id, parent: last?.id ?? null, imagesId };
    return buildRoundMeta(head, details, layers, { ...this.counts, bytes: this.#bytes }, last);
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

function getOrMake<T>(map: Map<number, T>, number: number, make: () => T): T {
  let value = map.get(number);
  if (value === undefined) {
    value = make();
    map.set(number, value);
  }
  return value;
}

function toTemporary(path: string): string {
  return path + TEMPORARY_SUFFIX;
}
