import { closeSync } from 'node:fs';
import type { RegionPlan } from '../dump/plan.js';
import { RunTable } from '../dump/runs.js';
import { copyRegion, type CopyTarget, pushData } from '../dump/sources.js';
import type { LayerWriter } from '../image/index.js';
import type { DonorPart } from '../native.js';
import { planStore, splitByDonors, storedRanges } from './donor-plan.js';
import type { StoredPages } from './stored-pages.js';

/** Which donors are stored, and the round that is being written. */
export interface SharedPages {
  donors: StoredPages;
  round: number;
}

/** Stores a region's pages as `copyRegion` does, but each that several members have once. */
export async function copyShared(
  target: CopyTarget,
  region: number,
  plan: RegionPlan,
  shared: SharedPages,
): Promise<void> {
  if (plan.isShared) return copyRegion(target, region, plan);
  const { session, writer, progress, signal } = target;
  const sourceFd = session.openRegion(region);
  try {
    await pushData(plan.dirty, sourceFd, plan.whole);
    const own = await copyDonors(target, region, plan.dirty.view(), shared);
    const sourceName = `region ${region} of pid ${session.pid}`;
    await writer.append({ sourceFd, sourceName, runs: own, progress, signal });
  } finally {
    closeSync(sourceFd);
  }
}

/** Return: the runs of what is no donor. */
async function copyDonors(
  target: CopyTarget,
  region: number,
  runs: Float64Array,
  shared: SharedPages,
): Promise<Float64Array> {
  if (runs.length === 0) return runs;
  const asked = new RunTable(3);
  for (let i = 0; i < runs.length; i += 3) asked.push(region, runs[i] ?? 0, runs[i + 2] ?? 0);
  const parts = await target.session.donors(asked.view());
  try {
    const split = splitByDonors(
      runs,
      parts.map((part) => part.runs),
    );
    for (const [i, part] of parts.entries())
      await copyPart(target, part, split.donors[i]?.view() ?? new Float64Array(0), shared);
    return split.own.view();
  } finally {
    for (const { fd } of parts) closeSync(fd);
  }
}

async function copyPart(
  { session, writer, progress, signal }: CopyTarget,
  { fd }: DonorPart,
  runs: Float64Array,
  { donors, round }: SharedPages,
): Promise<void> {
  const plan = planStore(runs, donors);
  addRefs(writer, plan.refs.view());
  if (plan.fresh.length === 0) return;
  const fresh = plan.fresh.view();
  const sourceName = `pages that pid ${session.pid} shares`;
  const rest = { progress, signal };
  const { extents } = await writer.append({ sourceFd: fd, sourceName, runs: fresh, ...rest });
  for (const stored of storedRanges(fresh, extents, round)) donors.add(stored);
}

/** @param refs page, nrPages, round, filePage (-1: zeros) */
export function addRefs(writer: LayerWriter, refs: Float64Array): void {
  for (let i = 0; i < refs.length; i += 4) {
    const [page = 0, nrPages = 0, round = 0, filePage = 0] = refs.subarray(i, i + 4);
    if (filePage < 0) writer.appendZeros(page, nrPages);
    else writer.addRefs(page, nrPages, round, filePage);
  }
}
