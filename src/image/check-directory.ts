import { ImageDirectory } from './image-directory.js';
import type { PageJob } from './page-job.js';
import { PagesFiles } from './pages-files.js';

/** What a complete check went through. */
export interface CheckReport {
  nrRounds: number;
  nrExtents: number;
  /** pages stored, zero pages included, older versions of a page too */
  nrPages: number;
  /** of page data */
  bytes: number;
}

/**
 * Reads a whole images directory and checks every checksum. Needs no lock.
 * @throws ImageError at the first thing that is wrong, with round, file and offset
 */
export async function checkDirectory(path: string, job: PageJob = {}): Promise<CheckReport> {
  await using directory = await ImageDirectory.open(path);
  await using pagesFiles = new PagesFiles(directory);
  const report = { nrRounds: 0, nrExtents: 0, nrPages: 0, bytes: 0 };
  for (const { number, extents, pagesBytes } of directory.rounds) {
    const indexes = Array.from({ length: extents.length }, (_, index) => index);
    await pagesFiles.verify(number, indexes, job);
    report.nrRounds++;
    report.nrExtents += extents.length;
    report.nrPages += indexes.reduce((sum, index) => sum + extents.nrPages(index), 0);
    report.bytes += pagesBytes;
  }
  return report;
}
