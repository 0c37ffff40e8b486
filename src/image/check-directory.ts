import { ImageDirectory } from './image-directory.js';
import type { PageJob } from './page-job.js';
import { PagesFiles } from './pages-files.js';
import type { RoundMeta } from './round-meta.js';
import { memberOf } from './round-meta.js';
import { TreeResolver } from './tree-resolver.js';

/** What a complete check went through. */
export interface CheckReport {
  nrRounds: number;
  /** members that there have been */
  nrMembers: number;
  nrExtents: number;
  /** pages stored, zero pages included, older versions of a page too */
  nrPages: number;
  /** pages that are stored for several, beyond the first of them */
  nrRefPages: number;
  /** of page data */
  bytes: number;
}

/**
 * Reads a whole images directory, checks every checksum and finds every member's memory. Needs no
 * lock.
 * @throws ImageError at the first thing that is wrong, with round, file and offset
 */
export async function checkDirectory(path: string, job: PageJob = {}): Promise<CheckReport> {
  await using directory = await ImageDirectory.open(path);
  await using pagesFiles = new PagesFiles(directory);
  const report = {
    nrRounds: 0,
    nrMembers: 0,
    nrExtents: 0,
    nrPages: 0,
    nrRefPages: 0,
    bytes: 0,
  };
  const { rounds } = directory;
  const resolver = new TreeResolver(rounds);
  for (const meta of rounds) {
    const { number, pagesBytes } = meta;
    await pagesFiles.verify(number, [{ filePage: 0, nrPages: Infinity }], job);
    const ended = endedAfter(meta, rounds[number + 1]);
    for (const member of ended) resolver.pageMap(member, number);
    report.nrRounds++;
    report.nrMembers += ended.length;
    report.bytes += pagesBytes;
    addCounts(report, meta);
  }
  return report;
}

/** The members of whom a round is the last. */
function endedAfter({ members }: RoundMeta, next: RoundMeta | undefined): number[] {
  return members.map(({ member }) => member).filter((member) => !next || !memberOf(next, member));
}

function addCounts(report: CheckReport, { members, segments }: RoundMeta): void {
  for (const { extents } of [...members, ...segments]) {
    report.nrExtents += extents.length;
    for (let i = 0; i < extents.length; i++) {
      if (extents.isRef(i)) report.nrRefPages += extents.nrPages(i);
      else report.nrPages += extents.nrPages(i);
    }
  }
}
