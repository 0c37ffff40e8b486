import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { LOCK_FILE, MANIFEST_FILE } from './file-names.js';
import { ImageDirectory } from './image-directory.js';
import type { AppendResult } from './layer-writer.js';
import type { PageJob } from './page-job.js';
import { PagesFiles } from './pages-files.js';
import { PlacedPagesMap } from './placed-pages.js';
import type { RoundMeta } from './round-meta.js';
import type { RoundWriter } from './round-writer.js';
import { type CopiedPages, type Owner, planSquash, type Use, writerOf } from './squash-plan.js';
import { describeSquashed } from './squashed-details.js';

/** Pages that are checked and then copied, while the page cache still has them: 64 MiB. */
const BATCH_PAGES = 16_384;

/** What to squash. */
export interface SquashOptions extends PageJob {
  /** round number; the last one if absent. Rounds after it may be damaged. */
  upTo?: number;
}

/**
 * Writes one full round to the new directory `out` that says what the chain in
 * `path` says at round `upTo` of all members that live then. What they share is
 * stored once. Checksums are verified, unknown fields kept. When
 * it fails or is stopped, nothing of `out` is left.
 * @throws ImageError what `ImageDirectory.open` and `create` throw, `IMAGES_EMPTY`
 */
export async function squash(
  path: string,
  out: string,
  { upTo, ...job }: SquashOptions = {},
): Promise<RoundMeta> {
  await using source = await ImageDirectory.open(path, { upTo });
  if (!source.last) {
    throw new ImageError('IMAGES_EMPTY', `${source.path} has no round yet: take one first`, {
      facts: { directory: source.path },
    });
  }
  const existed = await isDirectory(out);
  const { target, unknownFields } = source.manifest;
  const result = await ImageDirectory.create(out, { target, unknownFields });
  try {
    const meta = await squashInto(source, result, job);
    await result.close();
    return meta;
  } catch (error) {
    await result.close();
    await rm(join(result.path, MANIFEST_FILE), { force: true });
    await rm(join(result.path, LOCK_FILE), { force: true });
    if (!existed) await rmdir(result.path);
    throw error;
  }
}

async function squashInto(
  source: ImageDirectory,
  result: ImageDirectory,
  job: PageJob,
): Promise<RoundMeta> {
  const plan = planSquash(source.rounds);
  await using pagesFiles = new PagesFiles(source);
  await using writer = await result.beginRound();
  const placed = new PlacedPagesMap();
  for (const batch of batches(plan.copies)) {
    placed.add(batch.copies, await copyBatch(batch, pagesFiles, writer, job));
  }
  placed.sort();
  for (const use of plan.uses) addRefs(use, placed, writer);
  for (const { owner, page, nrPages } of plan.zeros) {
    writerOf(writer, owner).appendZeros(page, nrPages);
  }
  return await writer.commit(describeSquashed(source));
}

/** Pages of one owner and one round. */
interface Batch {
  owner: Owner;
  round: number;
  copies: CopiedPages[];
}

/** Cuts what is to be copied, so that each batch is checked and then copied from the page cache. */
function* batches(copies: readonly CopiedPages[]): Generator<Batch> {
  let byRound = new Map<number, Batch>();
  let owner: Owner | undefined;
  let nrPages = 0;
  for (const copy of copies) {
    if (copy.owner !== owner || nrPages >= BATCH_PAGES) {
      yield* byRound.values();
      byRound = new Map();
      nrPages = 0;
    }
    owner = copy.owner;
    const batch = byRound.get(copy.round);
    if (batch) batch.copies.push(copy);
    else byRound.set(copy.round, { owner, round: copy.round, copies: [copy] });
    nrPages += copy.nrPages;
  }
  yield* byRound.values();
}

async function copyBatch(
  { owner, round, copies }: Batch,
  pagesFiles: PagesFiles,
  writer: RoundWriter,
  { progress, signal }: PageJob,
): Promise<AppendResult> {
  await pagesFiles.verify(round, copies, { signal });
  return await writerOf(writer, owner).append({
    sourceFd: await pagesFiles.fd(round),
    sourceName: `round ${round}`,
    runs: Float64Array.from(
      copies.flatMap(({ filePage, page, nrPages }) => [filePage, page, nrPages]),
    ),
    progress,
    signal,
  });
}

/** Says where the pages of a use are that were copied for another one. */
function addRefs(
  { owner, page, nrPages, round, filePage }: Use,
  placed: PlacedPagesMap,
  writer: RoundWriter,
) {
  const shift = page - filePage;
  const layer = writerOf(writer, owner);
  for (const { copy, newFilePage, ...part } of placed.find(round, filePage, nrPages)) {
    if (copy.owner === owner && copy.page - copy.filePage === shift) continue;
    if (newFilePage < 0) layer.appendZeros(part.filePage + shift, part.nrPages);
    else layer.addRefs(part.filePage + shift, part.nrPages, writer.number, newFilePage);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}
