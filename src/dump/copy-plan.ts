import type { MemberWriter, VmaRecord } from '../image/index.js';
import type { Outcome } from '../kernel/session-batch.js';
import { PageSources } from './page-sources.js';
import type { RegionPlan, RoundPlan } from './plan.js';
import { reportProgress } from './report-progress.js';
import type { TargetContext } from './round.js';
import {
  addMemory,
  type AddedMemory,
  addRegions,
  assertReadable,
  copySegment,
  type CopyTarget,
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
    for (const vma of plan.segments) stored.set(vma, await copySegment(target, vma));
    return stored;
  } finally {
    stopReporting();
  }
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
  { pid, session }: CopyTarget,
  plan: RoundPlan,
  { resident }: CopyPlanOptions,
  sources: PageSources,
): Promise<AddedMemory> {
  const ranges = memoryRanges(plan.memory);
  const found = resident ? resident() : ranges.length > 0 ? await session.resident(ranges) : ranges;
  return addMemory(pid, plan, found, sources);
}

async function append(
  { pid, writer, isFrozen, progress, signal }: CopyTarget,
  sources: PageSources,
  memory?: AddedMemory,
): Promise<void> {
  if (sources.list.length === 0) return;
  const result = await writer.appendAll({ sources: sources.list, progress, signal });
  if (isFrozen && memory) assertReadable(result, memory.index, pid);
}
