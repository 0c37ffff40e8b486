import { open } from 'node:fs/promises';
import { RunTable } from '../dump/runs.js';
import { appendExisting, type CopyTarget } from '../dump/sources.js';
import { findUnequal, type ImagesInWork } from '../image/index.js';
import { readFrames } from '../proc/page-frames.js';
import { addRefs } from './copy-shared.js';
import { planStore, storedRanges } from './donor-plan.js';
import { StoredPages } from './stored-pages.js';

/** Which page frames are stored, and the round that is being written. */
export interface StoredFrames extends ImagesInWork {
  frames: StoredPages;
}

/**
 * Stores pages of mappings that are not tracked and not writable, but those whose frame is stored
 * already, once: a family has those in common. That the frame is the same is a hint; what is stored
 * is compared.
 * @param pages page, nrPages
 * @returns those of which the frame is not known: they are not stored
 */
export async function storeReadOnly(
  target: CopyTarget,
  pages: Float64Array,
  store: StoredFrames,
): Promise<Float64Array> {
  const { frames, writer } = store;
  const numbered = readFrames(target.pid, pages);
  const known = await dropUnequal(target, numbered, store);
  const { refs, fresh } = planStore(numbered, known);
  addRefs(target.writer, refs.view());
  if (fresh.length > 0) await storeFresh(target, fresh.view(), frames, writer.number);
  const left = new RunTable(2);
  for (const [page, nrPages] of withoutNumbered(pages, numbered)) left.push(page, nrPages);
  return left.view();
}

/** @param fresh frame, page, nrPages */
async function storeFresh(
  target: CopyTarget,
  fresh: Float64Array,
  frames: StoredPages,
  round: number,
): Promise<void> {
  const pages = new RunTable(2);
  for (const [, page = 0, nrPages = 0] of rowsOf(fresh, 3)) pages.push(page, nrPages);
  const { extents } = await appendExisting(target, pages.view());
  for (const range of storedRanges(fresh, extents, round)) frames.add(range);
}

/**
 * Forgets the frames that have another content than what is stored of them.
 * @param numbered frame, page, nrPages
 * @returns what can be relied on for these pages
 */
async function dropUnequal(
  { pid, progress, signal }: CopyTarget,
  numbered: Float64Array,
  store: StoredFrames,
): Promise<StoredPages> {
  const { frames } = store;
  const refs = planStore(numbered, frames).refs.view();
  if (refs.length === 0) return frames;
  await using memory = await open(`/proc/${pid}/mem`, 'r');
  const unequal = await findUnequal(memory.fd, refs, store, { progress, signal });
  if (!unequal) return new StoredPages();
  if (unequal.size > 0)
    for (const [frame = 0, page = 0, nrPages = 0] of rowsOf(numbered, 3))
      for (let i = 0; i < nrPages; i++) if (unequal.has(page + i)) frames.drop(frame + i);
  return frames;
}

/** What of some runs has no number; both are in the same order. */
export function* withoutNumbered(
  runs: Float64Array,
  numbered: Float64Array,
): Generator<[page: number, nrPages: number]> {
  let next = 0;
  for (const [start = 0, nrPages = 0] of rowsOf(runs, 2)) {
    const end = start + nrPages;
    let at = start;
    for (; next < numbered.length; next += 3) {
      const [, page = 0, nr = 0] = numbered.subarray(next, next + 3);
      if (page + nr <= at || page >= end) break;
      if (at < page) yield [at, page - at];
      at = Math.min(end, page + nr);
      // It goes on in the next run, which adjoins.
      if (page + nr > end) break;
    }
    if (at < end) yield [at, end - at];
  }
}

function* rowsOf(table: Float64Array, stride: number): Generator<Float64Array> {
  for (let i = 0; i < table.length; i += stride) yield table.subarray(i, i + stride);
}
