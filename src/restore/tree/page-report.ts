import { TargetError } from '../../errors.js';
import { PAGE_SIZE } from '../../image/page.js';
import { readFrames } from '../../proc/page-frames.js';
import { planLeftTimes } from '../plan/plan-threads.js';
import { ContentNumbers } from './content-numbers.js';
import { isPrivate } from './family-of.js';
import { inputOf, pidOf, type TreeInput, type TreeMember } from './tree-input.js';

/** What of their private pages the processes of a tree share. */
export interface SharingReport {
  processes: number;
  /** stored pages that they have, each counted for each process */
  pages: number;
  /** how many those were when they were dumped, by what the images store once */
  framesBefore: number;
  /** in how many page frames they are now */
  frames: number;
  /** pages that a process had in common with another one, and has for itself now */
  lost: number;
}

/**
 * Compares page frames with what the images say, of a tree that stands. What is swapped out is not
 * looked at.
 * @throws TargetError `SHARING_LOST`, `NOT_PERMITTED`
 */
export function reportSharing(tree: TreeInput): SharingReport {
  const { members } = tree;
  const numbers = new ContentNumbers(members.map(({ pages }) => pages));
  const frameOf = new Map<number, number>();
  const frames = new Set<number>();
  let pages = 0;
  let lost = 0;
  for (const member of members) {
    const own = new Set<number>();
    const written = pagesWritten(tree, member);
    forEachFrame(member, numbers, (content, frame, page) => {
      pages++;
      frames.add(frame);
      const known = frameOf.get(content);
      if (known === undefined) frameOf.set(content, frame);
      // By fork, nobody gets a page twice.
      else if (known !== frame && !own.has(content) && !written.has(page)) lost++;
      own.add(content);
    });
  }
  const report = { processes: members.length, pages, framesBefore: frameOf.size };
  if (lost > 0) throw sharingLost(members, lost);
  return { ...report, frames: frames.size, lost };
}

function forEachFrame(
  { process, vmas, pages }: TreeMember,
  numbers: ContentNumbers,
  visit: (content: number, frame: number, page: number) => void,
): void {
  for (const vma of vmas) {
    if (!isPrivate(vma)) continue;
    for (const piece of pages.entries(vma.startPage, vma.endPage)) {
      if (piece.isZero) continue;
      const first = numbers.of(piece.round, piece.filePage);
      const { pid } = process.identity;
      const rows = readFrames(pid, Float64Array.of(piece.page, piece.nrPages));
      for (let row = 0; row < rows.length; row += 3) {
        const [frame = 0, page = 0, nrPages = 0] = rows.subarray(row, row + 3);
        for (let i = 0; i < nrPages; i++)
          visit(first + (page + i - piece.page), frame + i, page + i);
      }
    }
  }
}

/** Pages that a restore has to write for one alone: the time that calls have left to wait. */
function pagesWritten(tree: TreeInput, member: TreeMember): Set<number> {
  const written = new Set<number>();
  for (const step of planLeftTimes(inputOf(tree, member))) {
    const to = step.op === 'call' ? step.args[3] : undefined;
    const [address] = typeof to === 'object' && 'words' in to ? to.words : [];
    if (typeof address === 'number') written.add(Math.floor(address / PAGE_SIZE));
  }
  return written;
}

function sharingLost(members: readonly TreeMember[], lost: number): TargetError {
  const [root] = members;
  const pid = root ? pidOf(root) : 0;
  return new TargetError(
    'SHARING_LOST',
    `cannot restore pid ${pid} with its tree as it was: ${lost} pages that processes had in common ` +
      'would be there more than once; nothing of it is left, leave out --report to restore it all the same',
    { facts: { pid, lost } },
  );
}
