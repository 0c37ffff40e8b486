import type { MemberWriter, VmaRecord } from '../image/index.js';
import type { RegionPlan, RoundPlan } from './plan.js';
import { reportProgress } from './report-progress.js';
import type { TargetContext } from './round.js';
import { copyMemory, copyNameless, copyRegion, copySegment, type CopyTarget } from './sources.js';

/** Where the pages of a plan go, and how those of regions are read. */
export interface CopyPlanOptions {
  writer: MemberWriter;
  /** for the progress */
  totalPages: number;
  isFrozen: boolean;
  /** `copyRegion` if absent */
  copy?: (target: CopyTarget, region: number, plan: RegionPlan) => Promise<void>;
  /** `copyMemory` if absent */
  copyUntracked?: typeof copyMemory;
}

/**
 * Stores what a plan says.
 * @returns pages stored of mappings that are not tracked
 */
export async function copyPlan(
  { pid, session, signal, onProgress }: TargetContext,
  plan: RoundPlan,
  options: CopyPlanOptions,
): Promise<Map<VmaRecord, number>> {
  const { writer, totalPages, isFrozen, copy = copyRegion, copyUntracked = copyMemory } = options;
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
    for (const [region, regionPlan] of plan.regions) await copy(target, region, regionPlan);
    await copyNameless(target, plan.nameless);
    const stored = await copyUntracked(target, plan.memory);
    for (const vma of plan.segments) stored.set(vma, await copySegment(target, vma));
    return stored;
  } finally {
    stopReporting();
  }
}
