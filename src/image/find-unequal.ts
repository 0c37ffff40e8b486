import { ImageError } from '../errors.js';
import { native } from '../native.js';
import type { ImageDirectory } from './image-directory.js';
import { type PageJob, runPageJob } from './page-job.js';
import { PagesFiles } from './pages-files.js';
import type { RoundWriter } from './round-writer.js';

/** The images, and the round that is being written. */
export interface ImagesInWork {
  images: ImageDirectory;
  writer: RoundWriter;
}

/**
 * Compares pages of a process with pages that are stored already.
 * @param memFd `/proc/PID/mem`
 * @param pairs page, nrPages, round, filePage (-1: zeros)
 * @returns the pages that differ; undefined where some cannot be read, there or in the images
 */
export async function findUnequal(
  memFd: number,
  pairs: Float64Array,
  { images, writer }: ImagesInWork,
  job: PageJob,
): Promise<Set<number> | undefined> {
  await using older = new PagesFiles(images);
  await using current = await writer.openPages();
  const fds = new Map<number, number>();
  const runs: number[] = [];
  let limit = 0;
  try {
    for (let i = 0; i < pairs.length; i += 4) {
      const [page = 0, nrPages = 0, round = 0, filePage = 0] = pairs.subarray(i, i + 4);
      limit += nrPages;
      if (filePage < 0) {
        runs.push(page, nrPages, -1, 0, 0);
        continue;
      }
      const fd = round === writer.number ? current.fd : await older.fd(round);
      const index = fds.get(fd) ?? fds.size;
      fds.set(fd, index);
      runs.push(page, nrPages, index, filePage, 0);
    }
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
  const options = { memFd, fds: [...fds.keys()], runs: Float64Array.from(runs), limit };
  const { mismatches, unreadable } = await runPageJob(job, (nativeJob) =>
    native.comparePages({ ...nativeJob, ...options }),
  );
  return unreadable.length > 0 ? undefined : new Set(mismatches);
}
