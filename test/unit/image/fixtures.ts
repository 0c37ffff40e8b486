import { mkdtemp, open, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ImageError } from '../../../src/errors.js';
import { metaFile } from '../../../src/image/file-names.js';
import {
  ExtentTable,
  ImageDirectory,
  type MemberDetails,
  type MemberRecord,
  PAGE_SIZE,
  type RoundDetails,
  type RoundMeta,
  type VmaRecord,
} from '../../../src/image/index.js';
import { decodeRoundMeta, encodeRoundMeta } from '../../../src/image/round-meta.js';

export const TARGET = { pid: 4242, comm: 'writer', exe: '/usr/bin/writer', startTime: 1234567 };

/** A directory of its own for one test, and files in it. */
export class Scratch implements AsyncDisposable {
  readonly #files: FileHandle[] = [];

  private constructor(readonly path: string) {}

  static async create(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'tracker-image-')));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** A file to copy pages from; page n holds `pageOf(pages[n])`. */
  async source(pages: readonly number[], name = 'source'): Promise<number> {
    await writeFile(this.file(name), Buffer.concat(pages.map(pageOf)));
    return this.openFd(this.file(name));
  }

  /** Closed with the scratch directory. */
  async openFd(path: string, flags = 'r+'): Promise<number> {
    const file = await open(path, flags);
    this.#files.push(file);
    return file.fd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
    await rm(this.path, { recursive: true });
  }
}

/** The numbers with which pages begin, which {@link pageOf} has made. */
export function numbersOf(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / PAGE_SIZE }, (_, i) =>
    bytes.readUInt32LE(i * PAGE_SIZE),
  );
}

/** A page that holds the number `content` all over; zeros for 0. */
export function pageOf(content: number): Buffer {
  const page = Buffer.alloc(PAGE_SIZE);
  for (let i = 0; i < PAGE_SIZE; i += 4) page.writeUInt32LE(content, i);
  return page;
}

export function anonVma(
  startPage: number,
  endPage: number,
  more: Partial<VmaRecord> = {},
): VmaRecord {
  return {
    startPage,
    endPage,
    prot: 3,
    shared: false,
    kind: 'anon-private',
    state: 'tracked',
    path: '',
    offset: 0,
    dev: '00:00',
    inode: 0,
    ...more,
  };
}

export function memberDetails(more: Partial<MemberDetails> = {}): MemberDetails {
  return {
    member: 0,
    target: TARGET,
    parent: null,
    parentPid: 1,
    kind: 'delta',
    sessionId: '00112233445566778899aabbccddeeff',
    epoch: 1,
    vmas: null,
    ...more,
  };
}

/** A round's details, and those of its only member. */
export type OneMember = Partial<RoundDetails & Omit<MemberDetails, 'unknownFields'>>;

export function details({
  isFrozen = false,
  members,
  segments = [],
  stats = {},
  unknownFields = {},
  ...member
}: OneMember = {}): RoundDetails {
  return {
    isFrozen,
    members: members ?? [memberDetails(member)],
    segments,
    stats,
    unknownFields,
  };
}

/** The first member of a round. */
export function firstOf(meta: RoundMeta | undefined): MemberRecord {
  const [record] = meta?.members ?? [];
  if (!record) throw new Error('the round has no member');
  return record;
}

/** What one round of a test stores. */
export interface TestRound extends OneMember {
  sourceFd?: number;
  /** triples sourcePage, page, nrPages */
  runs?: number[];
}

export async function addRound(
  directory: ImageDirectory,
  { sourceFd = -1, runs = [], ...more }: TestRound,
): Promise<RoundMeta> {
  await using writer = await directory.beginRound();
  await writer.member(0).append({ sourceFd, runs: Float64Array.from(runs) });
  return await writer.commit(details(more));
}

/** Three rounds over the pages 16 to 32: 1 2 3 4, then a change each of 17 and 18. */
export async function makeChain(scratch: Scratch, name = 'images'): Promise<string> {
  const path = scratch.file(name);
  const sourceFd = await scratch.source([1, 2, 3, 4, 5, 6], `${name}-source`);
  await using directory = await ImageDirectory.create(path, { target: TARGET });
  const vmas = [anonVma(16, 32)];
  await addRound(directory, { kind: 'full', vmas, sourceFd, runs: [0, 16, 4] });
  await addRound(directory, { epoch: 2, sourceFd, runs: [4, 17, 1] });
  await addRound(directory, { epoch: 3, sourceFd, runs: [5, 18, 1] });
  return path;
}

/** Waits for the ImageError that `run` must end in. */
export async function imageErrorOf(run: () => Promise<unknown>): Promise<ImageError> {
  let caught: unknown;
  try {
    await run();
  } catch (error) {
    caught = error;
  }
  expect(caught).to.be.instanceOf(ImageError);
  return caught as ImageError;
}

/** Changes a round's metadata on disk, with a right checksum, as nobody who means well would. */
export async function spoilRound(
  images: string,
  number: number,
  change: (meta: RoundMeta) => void,
): Promise<void> {
  const path = join(images, metaFile(number));
  const meta = decodeRoundMeta(await readFile(path), metaFile(number));
  change(meta);
  await writeFile(path, encodeRoundMeta(meta));
}

/** Records of `table` of which one number is changed: `offset` as in docs/image-format.md. */
export function withNumber(
  { bytes }: ExtentTable,
  index: number,
  offset: number,
  value: number,
): ExtentTable {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(value, index * 32 + offset);
  return new ExtentTable(changed);
}
