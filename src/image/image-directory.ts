import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { DirectoryLock } from './directory-lock.js';
import { syncDirectory, writeFileSynced } from './durable-file.js';
import {
  isOwnFile,
  LOCK_FILE,
  MANIFEST_FILE,
  pagesFile,
  parseRoundFile,
  TEMPORARY_SUFFIX,
} from './file-names.js';
import type { Fields } from './frame.js';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.js';
import { readRounds } from './read-rounds.js';
import type { RoundMeta } from './round-meta.js';
import { RoundWriter } from './round-writer.js';
import type { TargetIdentity } from './target-identity.js';
import { toWriteError } from './write-error.js';

/** What a new images directory says of itself. */
export interface CreateOptions {
  /** the tree's first member */
  target: TargetIdentity;
  unknownFields?: Fields;
}

/** How to open an images directory. */
export interface OpenOptions {
  /** take the writer's lock, and remove what a crashed writer left */
  write?: boolean;
  /** ignore rounds after this one, be they whole or not; not together with `write` */
  upTo?: number | undefined;
}

/** A directory of rounds (docs/image-format.md). Close it, or use it with `await using`. */
export class ImageDirectory implements AsyncDisposable {
  /** absolute */
  readonly path: string;
  readonly manifest: Manifest;
  readonly #rounds: RoundMeta[];
  #lock: DirectoryLock | undefined;
  #writer: RoundWriter | undefined;

  private constructor(
    path: string,
    manifest: Manifest,
    rounds: RoundMeta[],
    lock: DirectoryLock | undefined,
  ) {
    this.path = path;
    this.manifest = manifest;
    this.#rounds = rounds;
    this.#lock = lock;
  }

  /**
   * Makes a new images directory and opens it for writing.
   * @throws ImageError `IMAGES_EXIST` or `IMAGES_NOT_EMPTY` where `path` is neither
   *   absent nor empty, `IMAGES_LOCKED`, `IMAGES_NO_SPACE`, `IMAGES_WRITE_FAILED`
   */
  static async create(
    path: string,
    { target, unknownFields = {} }: CreateOptions,
  ): Promise<ImageDirectory> {
    const directory = resolve(path);
    await makeEmptyDirectory(directory);
    const lock = await DirectoryLock.acquire(directory);
    try {
      assertUnused(directory, await readdir(directory));
      const id = randomBytes(16).toString('hex');
      const manifest = { id, created: new Date().toISOString(), target, unknownFields };
      await writeManifest(directory, manifest);
      return new ImageDirectory(directory, manifest, [], lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Opens images and checks all metadata; page data is checked when it is read.
   * @throws ImageError `IMAGES_NOT_FOUND`, `IMAGES_FOREIGN`, `IMAGES_LOCKED`, and
   *   those of a damaged chain: `IMAGES_DAMAGED`, `IMAGES_NEWER`,
   *   `IMAGES_OLDER`, `IMAGES_ROUND_MISSING`, `IMAGES_MIXED`, `IMAGES_TRUNCATED`
   */
  static async open(
    path: string,
    { write = false, upTo }: OpenOptions = {},
  ): Promise<ImageDirectory> {
    if (write && upTo !== undefined) throw new TypeError('upTo is for reading only');
    const directory = resolve(path);
    assertImages(directory, await listDirectory(directory));
    const lock = write ? await DirectoryLock.acquire(directory) : undefined;
    try {
      const manifest = decodeManifest(
        await readFile(join(directory, MANIFEST_FILE)),
        join(directory, MANIFEST_FILE),
      );
      const names = await readdir(directory);
      const rounds = await readRounds(directory, names, manifest, upTo);
      assertReached(directory, rounds, upTo);
      if (write) await removeLeftovers(directory, names, rounds.length);
      return new ImageDirectory(directory, manifest, rounds, lock);
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  /** Metadata of the committed rounds, oldest first; index = round number. */
  get rounds(): readonly RoundMeta[] {
    return this.#rounds;
  }

  get last(): RoundMeta | undefined {
    return this.#rounds.at(-1);
  }

  /** Path of the file with a round's page data. */
  pagesPath(number: number): string {
    return join(this.path, pagesFile(number));
  }

  /**
   * Begins the next round. One at a time, and only where opened for writing.
   * @throws ImageError `IMAGES_NO_SPACE` or `IMAGES_WRITE_FAILED`
   */
  async beginRound(): Promise<RoundWriter> {
    if (!this.#lock) throw new Error(`${this.path} is not open for writing`);
    if (this.#writer) throw new Error(`round ${this.#writer.number} is not finished`);
    this.#writer = await RoundWriter.create({
      directory: this.path,
      imagesId: this.manifest.id,
      rounds: this.#rounds,
      onEnd: (meta) => {
        this.#writer = undefined;
        if (meta) this.#rounds.push(meta);
      },
    });
    return this.#writer;
  }

  /** Drops an unfinished round and lets the next writer in. */
  async close(): Promise<void> {
    await this.#writer?.discard();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function makeEmptyDirectory(directory: string): Promise<void> {
  try {
    const created = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (created !== undefined) await syncDirectory(dirname(created));
    assertUnused(directory, await readdir(directory));
  } catch (error) {
    throw toWriteError(error, 'creating the images directory', directory);
  }
}

/** What a crashed `create` leaves counts as nothing. */
function assertUnused(directory: string, names: readonly string[]): void {
  const unused = [LOCK_FILE, MANIFEST_FILE + TEMPORARY_SUFFIX];
  const found = names.filter((name) => !unused.includes(name)).sort();
  if (found.length === 0) return;
  if (found.includes(MANIFEST_FILE)) {
    throw new ImageError(
      'IMAGES_EXIST',
      `${directory} already holds images: continue them, or choose another directory`,
      { facts: { directory } },
    );
  }
  throw new ImageError(
    'IMAGES_NOT_EMPTY',
    `${directory} is not empty, it holds ${summarize(found)}: choose an empty or a new directory`,
    { facts: { directory } },
  );
}

async function writeManifest(directory: string, manifest: Manifest): Promise<void> {
  const path = join(directory, MANIFEST_FILE);
  try {
    await writeFileSynced(path + TEMPORARY_SUFFIX, encodeManifest(manifest));
    await rename(path + TEMPORARY_SUFFIX, path);
    await syncDirectory(directory);
  } catch (error) {
    await rm(path + TEMPORARY_SUFFIX, { force: true });
    await rm(path, { force: true });
    throw toWriteError(error, 'creating the images directory', path);
  }
}

async function listDirectory(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const isAbsent = error.code === 'ENOENT';
    const what = isAbsent
      ? 'does not exist: check the path'
      : error.code === 'ENOTDIR'
        ? 'is no directory: name the directory that holds the images'
        : `cannot be read (${error.code}): check its permissions`;
    throw new ImageError(
      isAbsent
        ? 'IMAGES_NOT_FOUND'
        : error.code === 'ENOTDIR'
          ? 'IMAGES_FOREIGN'
          : 'IMAGES_UNREADABLE',
      `the images directory ${directory} ${what}`,
      { cause: error, facts: { directory } },
    );
  }
}

function assertImages(directory: string, names: readonly string[]): void {
  if (names.includes(MANIFEST_FILE)) return;
  if (names.some(parseRoundFile)) {
    throw new ImageError(
      'IMAGES_DAMAGED',
      `${directory} holds rounds, but ${MANIFEST_FILE} is missing: restore it, or take new images`,
      { facts: { directory } },
    );
  }
  const found = names.filter((name) => !isOwnFile(name)).sort();
  const what = found.length > 0 ? `it holds ${summarize(found)}` : 'it is empty';
  throw new ImageError(
    'IMAGES_FOREIGN',
    `${directory} is not an images directory, ${what}: check the path`,
    { facts: { directory } },
  );
}

function assertReached(directory: string, rounds: readonly RoundMeta[], upTo?: number): void {
  if (upTo === undefined || upTo === rounds.length - 1) return;
  throw new ImageError(
    'IMAGES_ROUND_MISSING',
    `${directory} has no round ${upTo}, its last round is ${rounds.at(-1)?.number ?? 'none'}`,
    { facts: { directory, round: upTo } },
  );
}

/** Files of rounds that were never committed. */
async function removeLeftovers(
  directory: string,
  names: readonly string[],
  nrRounds: number,
): Promise<void> {
  for (const name of names) {
    const file = parseRoundFile(name);
    if (file && (file.isTemporary || file.number >= nrRounds)) await rm(join(directory, name));
  }
}

function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `'${name}'`);
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
