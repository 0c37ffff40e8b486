import { RunTable } from '../dump/runs.js';
import type { RoundMeta, SegmentDetails, VmaRecord } from '../image/index.js';
import { isSysV, segmentKey } from '../image/vma-record.js';
import { layoutAt } from '../image/index.js';
import { partsOf, showsSegment } from './layout-parts.js';

/** Shared memory that members map. */
export interface Segment extends Omit<SegmentDetails, 'kind' | 'unknownFields'> {
  /** member and region of everybody who has it tracked */
  mappers: Set<string>;
  /** pages that the round before has; 0 if it has no such segment */
  nrPagesBefore: number;
  /** of the round before */
  mappersBefore: ReadonlySet<string>;
}

/** What is known of a member that maps segments. */
export interface SegmentMapper {
  number: number;
  vmas: readonly VmaRecord[];
  /** `ipc:[4026531839]`, whose SysV memory it maps */
  ipcNamespace?: string | undefined;
  /** it does not build on the round before: what it harvests need not be all since then */
  isFull?: boolean;
}

/** What a harvest that reports shared memory says of a segment. */
export interface SegmentHarvest {
  /** page, nrPages of the segment; null: the log has lost count */
  runs: Float64Array | null;
  /** it has all that was written since the round before */
  isComplete: boolean;
}

/** What a segment is known by. */
type SegmentName = Pick<VmaRecord, 'dev' | 'inode' | 'path'> & Pick<SegmentMapper, 'ipcNamespace'>;

/** What to store of a segment. */
export interface SegmentPlan {
  /** startPage, endPage: what older rounds store there is void */
  cleared: RunTable;
  /** dirty pages: page, page, nrPages */
  dirty: RunTable;
  /** ranges of which all that exists is stored */
  whole: { page: number; endPage: number; regionPage: number }[];
}

/** Runs from this length on are asked for holes: of a changed file all is dirty, however sparse. */
const longRun = 256;

/** Segments by file, as the last round has them. */
export class Segments {
  #last = new Map<string, Segment>();
  #nextNumber = 0;

  /** As the images have them, for a controller that goes on with those. */
  static of(rounds: readonly RoundMeta[]): Segments {
    const segments = new Segments();
    const last = rounds.at(-1);
    if (!last) return segments;
    segments.#nextNumber = last.nextSegment;
    const byNumber = new Map<number, Segment>();
    for (const { segment, dev, inode, path, ipcNamespace, nrPages } of last.segments) {
      const name = { dev, inode, path, ipcNamespace };
      const before = { nrPagesBefore: nrPages, mappersBefore: new Set<string>() };
      const found = { segment, ...name, nrPages, mappers: new Set<string>(), ...before };
      byNumber.set(segment, found);
      segments.#last.set(keyOf(name), found);
    }
    for (const { member } of last.members)
      for (const vma of layoutAt(rounds, member))
        byNumber.get(vma.segment ?? -1)?.mappers.add(mapperOf(member, vma));
    return segments;
  }

  /**
   * Finds the segments that members map now, and names them in the members' mappings.
   * @returns by number
   */
  assign(members: readonly SegmentMapper[]): Segment[] {
    const found = new Map<string, Segment>();
    let next = this.#nextNumber;
    for (const { number, vmas, ipcNamespace } of members) {
      for (const vma of partsOf(vmas).shared) {
        if (!showsSegment(vma)) continue;
        const name = nameOf(vma, ipcNamespace);
        const key = keyOf(name);
        let segment = found.get(key);
        if (!segment) {
          segment = this.#begin(name, () => next++);
          found.set(key, segment);
        }
        vma.segment = segment.segment;
        const end = vma.offset / 4096 + vma.endPage - vma.startPage;
        segment.nrPages = Math.max(segment.nrPages, end);
        if (vma.region !== undefined) segment.mappers.add(mapperOf(number, vma));
      }
    }
    return [...found.values()].sort((a, b) => a.segment - b.segment);
  }

  /**
   * Whose harvest reports what was written to segments: of each the first member that had it in the
   * round before, and builds on that one if any does. Who maps shared memory that is no segment
   * harvests it for itself.
   * @returns numbers of members
   */
  harvesters(members: readonly SegmentMapper[]): Set<number> {
    const own = new Set<number>();
    const leaders = new Map<string, SegmentMapper>();
    for (const member of members)
      for (const vma of partsOf(member.vmas).shared) {
        if (vma.region === undefined) continue;
        if (!showsSegment(vma)) {
          own.add(member.number);
          continue;
        }
        const key = keyOf(nameOf(vma, member.ipcNamespace));
        if (!this.#last.get(key)?.mappers.has(mapperOf(member.number, vma))) continue;
        const leader = leaders.get(key);
        if (!leader || (leader.isFull && !member.isFull)) leaders.set(key, member);
      }
    return new Set([...own, ...[...leaders.values()].map(({ number }) => number)]);
  }

  /** A round that has these segments is in the images. */
  keep(segments: readonly Segment[]): void {
    this.#last = new Map(segments.map((segment) => [keyOf(segment), segment]));
    for (const { segment } of segments) this.#nextNumber = Math.max(this.#nextNumber, segment + 1);
  }

  #begin(name: SegmentName, takeNumber: () => number): Segment {
    const last = this.#last.get(keyOf(name));
    const segment = last?.segment ?? takeNumber();
    const nrPages = last?.nrPages ?? 0;
    const before = { nrPagesBefore: nrPages, mappersBefore: last?.mappers ?? new Set<string>() };
    return { segment, ...name, nrPages, mappers: new Set(), ...before };
  }
}

/**
 * What a round stores of a segment: the pages that members have harvested, and what is new behind its
 * end; all of it where no harvest is complete. A harvest takes pages out of its log for good, so one
 * that has lost count has perhaps taken some that no other one has.
 * @param harvests of all who have reported what they found of the segment
 */
export function planSegment(
  { nrPages, nrPagesBefore }: Pick<Segment, 'nrPages' | 'nrPagesBefore'>,
  harvests: readonly SegmentHarvest[],
): SegmentPlan {
  const plan: SegmentPlan = { cleared: new RunTable(2), dirty: new RunTable(3), whole: [] };
  const known = harvests.map(({ runs }) => runs).filter((runs) => runs !== null);
  const hasAll = known.length === harvests.length;
  const isWhole = !hasAll || !harvests.some(({ isComplete }) => isComplete);
  const start = isWhole ? 0 : nrPagesBefore;
  if (start < nrPages) {
    plan.cleared.push(start, nrPages);
    plan.whole.push({ page: start, endPage: nrPages, regionPage: start });
  }
  if (isWhole) return plan;
  for (const { page, endPage } of unionOf(known, nrPagesBefore)) {
    if (endPage - page < longRun) {
      plan.dirty.push(page, page, endPage - page);
      continue;
    }
    plan.cleared.push(page, endPage);
    plan.whole.push({ page, endPage, regionPage: page });
  }
  return plan;
}

/** The ranges that some of the runs have, below a limit, by page. */
function* unionOf(harvests: readonly Float64Array[], limit: number) {
  const ranges: { page: number; endPage: number }[] = [];
  for (const runs of harvests)
    for (let i = 0; i < runs.length; i += 2) {
      const page = runs[i] ?? 0;
      const endPage = Math.min(limit, page + (runs[i + 1] ?? 0));
      if (page < endPage) ranges.push({ page, endPage });
    }
  ranges.sort((a, b) => a.page - b.page);
  let last: { page: number; endPage: number } | undefined;
  for (const range of ranges) {
    if (last && range.page <= last.endPage) {
      last.endPage = Math.max(last.endPage, range.endPage);
      continue;
    }
    if (last) yield last;
    last = { ...range };
  }
  if (last) yield last;
}

/**
 * The runs of one region.
 * @param runs region, page, nrPages, sorted by region
 * @returns page, nrPages
 */
export function runsOfRegion(runs: Float64Array, region: number): Float64Array {
  const found = new RunTable(2);
  let low = 0;
  let high = runs.length / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle * 3] ?? 0) < region) low = middle + 1;
    else high = middle;
  }
  for (let i = low * 3; i < runs.length && runs[i] === region; i += 3)
    found.push(runs[i + 1] ?? 0, runs[i + 2] ?? 0);
  return found.view();
}

/** Names a member's region. */
export function mapperOf(member: number, { region = 0 }: Pick<VmaRecord, 'region'>): string {
  return `${member} ${region}`;
}

function nameOf(
  { dev, inode, path }: VmaRecord,
  ipcNamespace: SegmentMapper['ipcNamespace'],
): SegmentName {
  return { dev, inode, path, ...(isSysV({ path }) && { ipcNamespace }) };
}

function keyOf({ ipcNamespace, ...name }: SegmentName): string {
  return `${segmentKey(name)} ${ipcNamespace ?? ''}`;
}
