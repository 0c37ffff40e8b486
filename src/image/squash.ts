import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { LOCK_FILE, MANIFEST_FILE } from './file-names.js';
import type { Fields } from './frame.js';
import { ImageChain } from './image-chain.js';
import { ImageDirectory } from './image-directory.js';
import type { PageJob } from './page-job.js';
import type { StoredPiece } from './page-map.js';
import { PagesFiles } from './pages-files.js';
import { baseIndexOf } from './resolve-chain.js';
import type { RoundDetails, RoundMeta } from './round-meta.js';
import type { RoundWriter } from './round-writer.js';

/** Pages that are checked and then copied, while the page cache still has them: 64 MiB. */
const BATCH_PAGES = 16_384;

/** What to squash. */
export interface SquashOptions extends PageJob {
  /** round number; the last one if absent. Rounds after it may be damaged. */
  upTo?: number;
}

/**
 * Writes one full round to the new directory `out` that says what the chain in
 * `path` says at round `upTo`. Checksums are verified, unknown fields kept. When
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
  const chain = new ImageChain(source.rounds);
  await using pagesFiles = new PagesFiles(source);
  await using writer = await result.beginRound();
  let batch: StoredPiece[] = [];
  let nrBatchPages = 0;
  for (const entry of chain.pageMap.entries()) {
    if (entry.isZero) {
      writer.appendZeros(entry.page, entry.nrPages);
      continue;
    }
    batch.push(entry);
    nrBatchPages += entry.nrPages;
    if (nrBatchPages < BATCH_PAGES) continue;
    await copyBatch(batch, pagesFiles, writer, job);
    batch = [];
    nrBatchPages = 0;
  }
  await copyBatch(batch, pagesFiles, writer, job);
  return await writer.commit(describe(source, chain));
}

async function copyBatch(
  batch: readonly StoredPiece[],
  pagesFiles: PagesFiles,
  writer: RoundWriter,
  { progress, signal }: PageJob,
): Promise<void> {
  const byRound = new Map<number, StoredPiece[]>();
  for (const piece of batch) {
    const pieces = byRound.get(piece.round);
    if (pieces) pieces.push(piece);
    else byRound.set(piece.round, [piece]);
  }
  for (const [round, pieces] of byRound) {
    await pagesFiles.verify(
      round,
      pieces.map((piece) => piece.extent),
      { signal },
    );
    await writer.append({
      sourceFd: await pagesFiles.fd(round),
      sourceName: `round ${round}`,
      runs: Float64Array.from(
        pieces.flatMap((piece) => [piece.filePage, piece.page, piece.nrPages]),
      ),
      progress,
      signal,
    });
  }
}

/** The newest round's details; of unknown fields the newest value of each. */
function describe(source: ImageDirectory, chain: ImageChain): RoundDetails {
  const { rounds } = source;
  const { sessionId, epoch, target, isFrozen, time, stats, number } = chain.meta;
  const unknownFields: Fields = {};
  for (const meta of rounds.slice(Math.max(0, baseIndexOf(rounds, number)))) {
    Object.assign(unknownFields, meta.unknownFields);
  }
  const squashed = { imagesId: source.manifest.id, round: number, id: chain.meta.id };
  return {
    kind: 'full',
    sessionId,
    epoch,
    target,
    isFrozen,
    time,
    stats,
    vmas: [...chain.vmas],
    unknownFields: { ...unknownFields, squashed },
  };
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
