import { ImageError } from '../errors.js';
import { ImageChain, type ImageDirectory, type PageJob, TreeResolver } from '../image/index.js';
import { PagesFiles } from '../image/pages-files.js';
import { readProcess } from '../process/process-record.js';
import { ownMappings } from './own-memory.js';
import type { RestoreInput, SegmentContent } from './plan/input.js';
import type { TreeInput, TreeMember } from './tree/tree-input.js';

/** What both kinds of inputs are told by whoever restores. */
export type InputOptions = Pick<
  RestoreInput,
  'inherited' | 'isStopped' | 'isInNamespace' | 'terminal'
>;

/** Whether the images are of several processes, or of one with children that have ended. */
export function holdsTree(images: ImageDirectory): boolean {
  const round = images.rounds[roundOfProcess(images)];
  const [root] = round?.members ?? [];
  if (!round || !root?.process) return false;
  const { zombies = [] } = readProcess(root.process, 'the root').identity;
  return round.members.length > 1 || zombies.length > 0;
}

/**
 * What a plan is made from, out of the last round of some images that has the process. Later ones have
 * the memory of one that was restored from them, and tracked on.
 * @throws ImageError `IMAGES_EMPTY`, `IMAGES_NO_PROCESS`, `IMAGES_DAMAGED`
 */
export function readInput(images: ImageDirectory, options: InputOptions): RestoreInput {
  const { last, rounds } = images;
  if (!last) throw noProcess(images, 'IMAGES_EMPTY', 'holds no round yet');
  const upTo = roundOfProcess(images);
  const resolver = new TreeResolver(rounds);
  const chain = new ImageChain(rounds, { resolver, upTo });
  return { ...options, ...memberOf(images, chain, upTo), ...commonOf(images, [chain], resolver) };
}

/**
 * What the plan of a tree is made from: all members of the last round that has processes.
 * @throws ImageError `IMAGES_NO_PROCESS`, `IMAGES_DAMAGED`
 */
export function readTreeInput(
  images: ImageDirectory,
  options: Pick<InputOptions, 'inherited' | 'isStopped'>,
): TreeInput {
  const upTo = roundOfProcess(images);
  const resolver = new TreeResolver(images.rounds);
  const chains = chainsOf(images, upTo, resolver);
  const indexes = new Map(chains.map(({ record }, i) => [record.member, i]));
  const members = chains.map((chain, i): TreeMember => {
    const { parent, target } = chain.record;
    const index = parent === null ? null : (indexes.get(parent) ?? null);
    if (index !== null && index >= i)
      throw noProcess(images, 'IMAGES_DAMAGED', `has member ${i} before its parent`);
    const { startTime } = target;
    return { ...memberOf(images, chain, upTo), parent: index, startTime };
  });
  return { ...options, members, ...commonOf(images, chains, resolver) };
}

/** Checks the pages that a plan is going to read, by their checksums. */
export async function verifyContent(images: ImageDirectory, job: PageJob): Promise<void> {
  await using files = new PagesFiles(images);
  const resolver = new TreeResolver(images.rounds);
  for (const chain of chainsOf(images, roundOfProcess(images), resolver))
    await files.verifyPieces(chain.pieces(), job);
}

function chainsOf({ rounds }: ImageDirectory, upTo: number, resolver: TreeResolver): ImageChain[] {
  const members = rounds[upTo]?.members ?? [];
  return members.map(({ member }) => new ImageChain(rounds, { member, upTo, resolver }));
}

function memberOf(images: ImageDirectory, { record, vmas, pageMap }: ImageChain, upTo: number) {
  const { process, member } = record;
  if (!process) throw noProcess(images, 'IMAGES_NO_PROCESS', 'has rounds of memory alone');
  return { process: readProcess(process, `round ${upTo}, member ${member}`), vmas, pages: pageMap };
}

function commonOf(
  images: ImageDirectory,
  chains: readonly ImageChain[],
  resolver: TreeResolver,
): Pick<RestoreInput, 'segments' | 'pagesPath' | 'ownMappings'> {
  return {
    segments: segmentsOf(chains, resolver),
    pagesPath: (round) => images.pagesPath(round),
    ownMappings: ownMappings(),
  };
}

/** Index of the last round with a process in it; of the last one if there is none. */
function roundOfProcess({ rounds }: ImageDirectory): number {
  const index = rounds.findLastIndex(({ members }) => members[0]?.process !== undefined);
  return index < 0 ? rounds.length - 1 : index;
}

function segmentsOf(
  chains: readonly ImageChain[],
  resolver: TreeResolver,
): Map<number, SegmentContent> {
  const mapped = new Set(chains.flatMap(({ vmas }) => vmas.map(({ segment }) => segment)));
  const segments = new Map<number, SegmentContent>();
  const [first] = chains;
  if (!first) return segments;
  const { number, segments: stored } = first.meta;
  for (const { segment, nrPages } of stored) {
    if (!mapped.has(segment)) continue;
    segments.set(segment, { segment, nrPages, pages: resolver.segmentMap(segment, number) });
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
