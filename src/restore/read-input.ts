import { ImageError } from '../errors.js';
import { ImageChain, type ImageDirectory, type PageJob, TreeResolver } from '../image/index.js';
import { PagesFiles } from '../image/pages-files.js';
import { readProcess } from '../process/process-record.js';
import { ownMappings } from './own-memory.js';
import type { RestoreInput, SegmentContent } from './plan/input.js';

/**
 * What a plan is made from, out of the last round of some images that has the process. Later ones have
 * the memory of one that was restored from them, and tracked on.
 * @throws ImageError `IMAGES_EMPTY`, `IMAGES_NO_PROCESS`, `IMAGES_DAMAGED`
 */
export function readInput(
  images: ImageDirectory,
  options: Pick<RestoreInput, 'inherited' | 'isStopped' | 'isInNamespace' | 'terminal'>,
): RestoreInput {
  const { last, rounds } = images;
  if (!last) throw noProcess(images, 'IMAGES_EMPTY', 'holds no round yet');
  if (last.members.length > 1) {
    const what = `holds ${last.members.length} processes, and one can be restored so far`;
    throw noProcess(images, 'IMAGES_NO_PROCESS', what);
  }
  const upTo = roundOfProcess(images);
  const resolver = new TreeResolver(rounds);
  const chain = new ImageChain(rounds, { resolver, upTo });
  const { process } = chain.record;
  if (!process) throw noProcess(images, 'IMAGES_NO_PROCESS', 'has rounds of memory alone');
  return {
    ...options,
    process: readProcess(process, `round ${upTo}, member ${chain.record.member}`),
    vmas: chain.vmas,
    pages: chain.pageMap,
    segments: segmentsOf(chain, resolver),
    pagesPath: (round) => images.pagesPath(round),
    ownMappings: ownMappings(),
  };
}

/** Checks the pages that a plan is going to read, by their checksums. */
export async function verifyContent(images: ImageDirectory, job: PageJob): Promise<void> {
  await using files = new PagesFiles(images);
  await files.verifyPieces(
    new ImageChain(images.rounds, { upTo: roundOfProcess(images) }).pieces(),
    job,
  );
}

/** Index of the last round with a process in it; of the last one if there is none. */
function roundOfProcess({ rounds }: ImageDirectory): number {
  const index = rounds.findLastIndex(({ members }) => members[0]?.process !== undefined);
  return index < 0 ? rounds.length - 1 : index;
}

function segmentsOf(
  { vmas, meta }: ImageChain,
  resolver: TreeResolver,
): Map<number, SegmentContent> {
  const mapped = new Set(vmas.map(({ segment }) => segment));
  const segments = new Map<number, SegmentContent>();
  for (const { segment, nrPages } of meta.segments) {
    if (!mapped.has(segment)) continue;
    const pages = resolver.segmentMap(segment, meta.number);
    segments.set(segment, { segment, nrPages, pages });
  }
  return segments;
}

function noProcess({ path }: ImageDirectory, code: string, what: string): ImageError {
  return new ImageError(
    code,
    `${path} ${what}: take images with tracker dump, or end tracking with tracker stop`,
    { facts: { directory: path } },
  );
}
