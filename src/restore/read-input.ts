import { ImageError } from '../errors.js';
import { ImageChain, type ImageDirectory, TreeResolver, type VmaRecord } from '../image/index.js';
import { PagesFiles } from '../image/pages-files.js';
import { readProcess } from '../process/process-record.js';
import { ownMappings } from './own-memory.js';
import type { RestoreInput, SegmentContent } from './plan/input.js';

/**
 * What a plan is made from, out of the last round of some images.
 * @throws ImageError `IMAGES_EMPTY`, `IMAGES_NO_PROCESS`, `IMAGES_DAMAGED`
 */
export function readInput(
  images: ImageDirectory,
  options: Pick<RestoreInput, 'inherited' | 'isStopped' | 'isInNamespace' | 'terminal'>,
): RestoreInput {
  const { last } = images;
  if (!last) throw noProcess(images, 'IMAGES_EMPTY', 'holds no round yet');
  if (last.members.length > 1) {
    const what = `holds ${last.members.length} processes, and one can be restored so far`;
    throw noProcess(images, 'IMAGES_NO_PROCESS', what);
  }
  const resolver = new TreeResolver(images.rounds);
  const chain = new ImageChain(images.rounds, { resolver });
  const { process } = chain.record;
  if (!process) throw noProcess(images, 'IMAGES_NO_PROCESS', 'ends with a round of memory alone');
  return {
    ...options,
    process: readProcess(process, `round ${last.number}, member ${chain.record.member}`),
    vmas: chain.vmas,
    pages: chain.pageMap,
    segments: segmentsOf(images, chain.vmas, resolver),
    pagesPath: (round) => images.pagesPath(round),
    ownMappings: ownMappings(),
  };
}

/** Checks the pages that a plan is going to read, by their checksums. */
export async function verifyContent(images: ImageDirectory): Promise<void> {
  await using files = new PagesFiles(images);
  await files.verifyPieces(new ImageChain(images.rounds).pieces());
}

function segmentsOf(
  { rounds, last }: ImageDirectory,
  vmas: readonly VmaRecord[],
  resolver: TreeResolver,
): Map<number, SegmentContent> {
  const mapped = new Set(vmas.map(({ segment }) => segment));
  const segments = new Map<number, SegmentContent>();
  for (const { segment, nrPages } of last?.segments ?? []) {
    if (!mapped.has(segment)) continue;
    const pages = resolver.segmentMap(segment, rounds.length - 1);
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
