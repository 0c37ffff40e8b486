import { findCycle } from './find-cycle.js';
import { findLayerFault } from './layer-fault.js';
import { findMemberFault, findMissingSegment } from './member-fault.js';
import { inheritedFrom, type MemberRecord } from './member-record.js';
import { PAGE_SIZE } from './page.js';
import { layoutAt } from './rounds-of.js';
import { type RoundMeta, segmentOf } from './round-meta.js';
import { StoredExtents } from './stored-extents.js';

type Rounds = readonly RoundMeta[];

/**
 * What contradicts itself in a round's metadata, or the rounds before it, or nothing. Names the
 * member or segment: `member 2: ...`.
 */
export function findRoundFault(meta: RoundMeta, before: Rounds): string | undefined {
  const { pagesBytes, members } = meta;
  if (pagesBytes % PAGE_SIZE !== 0) return `pagesBytes is ${pagesBytes}, no whole pages`;
  if (members.length === 0) return 'no member lives';
  return (
    findNumberFault(meta, before) ??
    findPidFault(members) ??
    findOverlap(meta) ??
    findSegmentFault(meta, before) ??
    findMembersFault(meta, before) ??
    findTreeFault(meta)
  );
}

/** Numbers are in order, each once, and below those that are given next. */
function findNumberFault(meta: RoundMeta, before: Rounds): string | undefined {
  const last = before.at(-1);
  return (
    findOrderFault(
      'member',
      meta.members.map(({ member }) => member),
      {
        next: meta.nextMember,
        nextBefore: last?.nextMember ?? 0,
      },
    ) ??
    findOrderFault(
      'segment',
      meta.segments.map(({ segment }) => segment),
      {
        next: meta.nextSegment,
        nextBefore: last?.nextSegment ?? 0,
      },
    )
  );
}

function findOrderFault(
  noun: string,
  numbers: readonly number[],
  { next, nextBefore }: { next: number; nextBefore: number },
): string | undefined {
  for (const [i, number] of numbers.entries()) {
    const previous = numbers[i - 1] ?? -1;
    if (number === previous) return `${noun} ${number} is listed twice`;
    if (number < previous) return `${noun} ${number} is not in order`;
    if (number >= next) return `${noun} ${number} is not below the next number, ${next}`;
  }
  return next < nextBefore ? `the next ${noun} would be ${next}, a number used before` : undefined;
}

function findPidFault(members: readonly MemberRecord[]): string | undefined {
  const byPid = new Map<number, number>();
  for (const { member, target } of members) {
    const other = byPid.get(target.pid);
    if (other !== undefined) return `member ${member}: has pid ${target.pid}, as member ${other}`;
    byPid.set(target.pid, member);
  }
  return undefined;
}

function findOverlap(meta: RoundMeta): string | undefined {
  const overlap = StoredExtents.of(meta).findOverlap();
  if (!overlap) return undefined;
  const [first, second] = overlap;
  return `${second.owner}: stores page ${second.filePage} of the pages file, as ${first.owner}`;
}

function findSegmentFault(meta: RoundMeta, before: Rounds): string | undefined {
  const last = before.at(-1);
  for (const record of meta.segments) {
    const { segment } = record;
    const recordBefore = last && segmentOf(last, segment);
    const isOld = !recordBefore && segment < (last?.nextSegment ?? 0);
    const fault = isOld
      ? 'had ended, or never lived'
      : findLayerFault(record, recordBefore, meta, before);
    if (fault) return `segment ${segment}: ${fault}`;
  }
  return undefined;
}

function findMembersFault(meta: RoundMeta, before: Rounds): string | undefined {
  const last = before.at(-1);
  const hasEnded = last?.segments.some(({ segment }) => !segmentOf(meta, segment)) ?? false;
  for (const record of meta.members) {
    const fault =
      findMemberFault(record, meta, before) ??
      // A layout that goes on can only miss what has just ended.
      (hasEnded && !record.vmas && last
        ? findMissingSegment(layoutAt(before, record.member, last.number), meta)
        : undefined);
    if (fault) return `member ${record.member}: ${fault}`;
  }
  return undefined;
}

/** Nobody is an ancestor of itself, and nobody inherits from itself through others. */
function findTreeFault({ members, nextMember }: RoundMeta): string | undefined {
  const orphan = members.find(({ parent }) => (parent ?? -1) >= nextMember);
  if (orphan) return `member ${orphan.member}: its parent, member ${orphan.parent}, never lived`;
  const parents = members.map(({ member, parent }) => [member, [parent ?? -1]] as const);
  const ancestor = findCycle(new Map(parents));
  if (ancestor !== undefined) return `member ${ancestor}: is an ancestor of itself`;
  const sources = members.map((record) => [record.member, inheritedFrom(record)] as const);
  const heir = findCycle(new Map(sources));
  return heir === undefined ? undefined : `member ${heir}: inherits from itself through others`;
}
