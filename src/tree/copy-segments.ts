import { copyRegion, copySegment, type CopyTarget } from '../dump/sources.js';
import { DeviceError, TargetError } from '../errors.js';
import type { LayerWriter, RoundWriter, SegmentDetails, VmaRecord } from '../image/index.js';
import { partsOf } from './layout-parts.js';
import type { MemberRound } from './member-round.js';
import {
  mapperOf,
  planSegment,
  runsOfRegion,
  type Segment,
  type SegmentHarvest,
  type SegmentPlan,
} from './segments.js';

/** A member's mapping of a segment. */
interface Mapping {
  round: MemberRound;
  vma: VmaRecord;
}

/** A segment that a round has, and how many pages were stored of it. */
export interface StoredSegment {
  details: SegmentDetails;
  pages: number;
}

/** Stores segments, each once. One that only members mapped that have ended is left out. */
export async function copySegments(
  writer: RoundWriter,
  segments: readonly Segment[],
  rounds: readonly MemberRound[],
  isFrozen: boolean,
): Promise<StoredSegment[]> {
  const mappings = new Map<number, Mapping[]>();
  for (const round of rounds)
    for (const vma of partsOf(round.vmas).shared) {
      if (vma.segment === undefined) continue;
      const list = mappings.get(vma.segment);
      if (list) list.push({ round, vma });
      else mappings.set(vma.segment, [{ round, vma }]);
    }
  const stored: StoredSegment[] = [];
  for (const segment of segments) {
    const list = mappings.get(segment.segment);
    if (list) stored.push(await copyOne(writer, segment, list, isFrozen));
  }
  return stored;
}

async function copyOne(
  round: RoundWriter,
  segment: Segment,
  mappings: readonly Mapping[],
  isFrozen: boolean,
): Promise<StoredSegment> {
  const { segment: number, dev, inode, path, ipcNamespace, nrPages, nrPagesBefore } = segment;
  const plan = planSegment(segment, harvestsOf(segment, mappings));
  const writer = round.segment(number);
  const cleared = plan.cleared.view();
  if (nrPagesBefore > 0)
    for (let i = 0; i < cleared.length; i += 2) writer.clear(cleared[i] ?? 0, cleared[i + 1] ?? 0);
  const isStored = await copyFromOne(writer, segment, plan, mappings, isFrozen);
  if (!isStored && isFrozen && (await isThere(mappings))) throw unreadableSegment(segment);
  const kind = nrPagesBefore > 0 ? 'delta' : 'full';
  const details = { segment: number, dev, inode, path, ipcNamespace, nrPages, kind } as const;
  return { details, pages: writer.counts.nrPages };
}

/**
 * Reads a segment through a mapping that is tracked, or else through any. A member that runs may have
 * unmapped it since its layout was read; if all have, the next round has it no more, or has it whole.
 * @returns whether it was there to be read
 */
async function copyFromOne(
  writer: LayerWriter,
  { nrPages, nrPagesBefore }: Segment,
  plan: SegmentPlan,
  mappings: readonly Mapping[],
  isFrozen: boolean,
): Promise<boolean> {
  const isTracked = ({ vma }: Mapping) => vma.region !== undefined;
  const others = mappings.filter((mapping) => !isTracked(mapping));
  for (const { round, vma } of [...mappings.filter(isTracked), ...others]) {
    const { pid, session, signal } = round.member.context;
    const target: CopyTarget = { pid, session, writer, isFrozen, signal };
    try {
      if (vma.region !== undefined)
        await copyRegion(target, vma.region, { ...plan, isShared: true });
      else if (!(await copyWhole(target, vma, nrPages, nrPagesBefore))) continue;
      return true;
    } catch (error) {
      if (!(error instanceof DeviceError) || error.code !== 'REGION_GONE') throw error;
    }
  }
  return false;
}

/**
 * Stores all that there is, so what older rounds have is void.
 * @returns whether the mapping was there
 */
async function copyWhole(
  target: CopyTarget,
  vma: VmaRecord,
  nrPages: number,
  nrPagesBefore: number,
): Promise<boolean> {
  if (nrPagesBefore > 0) target.writer.clear(0, nrPages);
  const all = { page: 0, endPage: nrPages, regionPage: 0 };
  return (await copySegment(target, vma, all)) !== undefined;
}

/** Whether any of those who map it lives. */
async function isThere(mappings: readonly Mapping[]): Promise<boolean> {
  for (const { round } of mappings) if (!(await round.member.isGone())) return true;
  return false;
}

function unreadableSegment({ path, dev, inode, mappers }: Segment): TargetError {
  return new TargetError(
    'UNREADABLE_MEMORY',
    `cannot read the shared memory ${path} (${dev}, inode ${inode}) through any of the ` +
      `${mappers.size} mappings of it: the round is dropped, its pages are dirty as before`,
    { facts: { path, dev, inode } },
  );
}

/**
 * Of all who report shared memory. Who maps the segment for the first time has in its log only what
 * was written since; but what it harvests is in that log no more, and later it may be the one who
 * reports for all.
 */
function harvestsOf({ mappersBefore }: Segment, mappings: readonly Mapping[]): SegmentHarvest[] {
  const harvests = new Map<string, SegmentHarvest>();
  for (const { round, vma } of mappings) {
    const { member, harvest, isHarvester } = round;
    const mapper = mapperOf(member.number, vma);
    if (vma.region === undefined || !isHarvester || harvests.has(mapper)) continue;
    const hasAll = harvest && !harvest.overflow;
    harvests.set(mapper, {
      runs: hasAll ? runsOfRegion(harvest.runs, vma.region) : null,
      isComplete: member.previous !== null && mappersBefore.has(mapper),
    });
  }
  return [...harvests.values()];
}
