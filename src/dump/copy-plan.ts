import type { MemberWriter, VmaRecord } from '../image/index.js';
import type { Outcome } from '../kernel/session-batch.js';
import { noSuchProcess } from '../proc/read-error.js';
import { PageSources } from './page-sources.js';
import type { RegionPlan, RoundPlan } from './plan.js';
import { reportProgress } from './report-progress.js';
import type { TargetContext } from './round.js';
import {
  addMemory,
  addRegions,
  assertReadable,
  copySegment,
  type CopyTarget,
  existingPages,
  memoryRanges,
  type OpenRegion,
  openRegions,
} from './sources.js';

/** Where the pages of a plan go, and how those of regions are read. */
export interface CopyPlanOptions {
  writer: MemberWriter;
  /** for the progress */
  totalPages: number;
  isFrozen: boolean;
  /** of the plan's `memoryRanges`; asked for if absent */
  resident?: Outcome<Float64Array> | undefined;
  /** stores what others have stored too; returns the regions with the runs that are left */
  storeShared?: (target: CopyTarget, regions: readonly OpenRegion[]) => Promise<OpenRegion[]>;
  /** the same for what is not tracked and not writable: page, nrPages */
  storeReadOnly?: (target: CopyTarget, pages: Float64Array) => Promise<Float64Array>;
}

/** What is read through the process' memory. */
interface ReadMemory {
  /** pages of each mapping that is not tracked */
  stored: Map<VmaRecord, number>;
  /** of these among the sources; undefined if none are left */
  index: number | undefined;
}

/** Regions that are open at the same time. */
const maxRegions = 128;

/**
 * Stores what a plan says.
 * @returns pages stored of mappings that are not tracked
 */
export async function copyPlan(
  context: TargetContext,
  plan: RoundPlan,
  options: CopyPlanOptions,
): Promise<Map<VmaRecord, number>> {
  const { pid, session, signal, onProgress } = context;
  const { writer, totalPages, isFrozen } = options;
  const progress = new Float64Array(1);
  const target: CopyTarget = { pid, session, writer, isFrozen, progress, signal };
  const stopReporting = reportProgress(onProgress, () => ({
    phase: 'copy',
    donePages: progress[0] ?? 0,
    totalPages,
  }));
  try {
    const cleared = plan.cleared.view();
    for (let i = 0; i < cleared.length; i += 2) writer.clear(cleared[i] ?? 0, cleared[i + 1] ?? 0);
    const stored = await copyPages(target, plan, options);
    for (const vma of plan.segments) stored.set(vma, await storeSegment(target, vma));
    return stored;
  } finally {
    stopReporting();
  }
}

/**
 * A running target may have unmapped it since the layout was read; the next round sees that.
 * @throws TargetError `NO_SUCH_PROCESS` where it has not unmapped it: it stands
 */
async function storeSegment(target: CopyTarget, vma: VmaRecord): Promise<number> {
  const nrPages = await copySegment(target, vma);
  if (nrPages === undefined && target.isFrozen)
    throw noSuchProcess(`read the memory of pid ${target.pid}`, target.pid);
  return nrPages ?? 0;
}

async function copyPages(
  target: CopyTarget,
  plan: RoundPlan,
  options: CopyPlanOptions,
): Promise<Map<VmaRecord, number>> {
  const regions = [...plan.regions];
  for (; regions.length > maxRegions;) {
    using sources = new PageSources();
    await addPart(target, regions.splice(0, maxRegions), options, sources);
    await append(target, sources);
  }
  // All the rest in one job.
  using sources = new PageSources();
  await addPart(target, regions, options, sources);
  const memory = await readMemory(target, plan, options, sources);
  await append(target, sources, memory);
  return memory.stored;
}

async function addPart(
  target: CopyTarget,
  plans: readonly (readonly [number, RegionPlan])[],
  { storeShared }: CopyPlanOptions,
  sources: PageSources,
): Promise<void> {
  if (plans.length === 0) return;
  const open = await openRegions(target.session, plans, sources);
  addRegions(target.session, storeShared ? await storeShared(target, open) : open, sources);
}

async function readMemory(
  target: CopyTarget,
  { memory, nameless }: RoundPlan,
  { resident, storeReadOnly }: CopyPlanOptions,
  sources: PageSources,
): Promise<ReadMemory> {
  const { pid, session } = target;
  const ranges = memoryRanges(memory);
  const found = resident ? resident() : ranges.length > 0 ? await session.resident(ranges) : ranges;
  const { writable, readOnly, counts } = existingPages(memory, found);
  const isAsked = storeReadOnly !== undefined && readOnly.length > 0;
  const left = isAsked ? await storeReadOnly(target, readOnly.view()) : readOnly.view();
  const index = addMemory(pid, { pages: [writable.view(), left], nameless }, sources);
  return { stored: counts, index };
}

async function append(
  { pid, writer, isFrozen, progress, signal }: CopyTarget,
  sources: PageSources,
  memory?: ReadMemory,
): Promise<void> {
  if (sources.list.length === 0) return;
  const result = await writer.appendAll({ sources: sources.list, progress, signal });
  if (isFrozen && memory) assertReadable(result, memory.index, pid);
}
