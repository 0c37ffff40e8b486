import { closeSync } from 'node:fs';
import { RunTable } from '../dump/runs.js';
import type { CopyTarget, OpenRegion } from '../dump/sources.js';
import type { LayerWriter } from '../image/index.js';
import type { DonorPart } from '../native.js';
import { planStore, splitByDonors, storedRanges } from './donor-plan.js';
import type { StoredPages } from './stored-pages.js';

/** Which donors are stored, and the round that is being written. */
export interface SharedPages {
  donors: StoredPages;
  round: number;
}

/**
 * Stores, of some regions' pages, each that several members have once.
 * @returns the regions with the runs that are their own
 */
export async function storeShared(
  target: CopyTarget,
  regions: readonly OpenRegion[],
  shared: SharedPages,
): Promise<OpenRegion[]> {
  const asked = new RunTable(3);
  for (const { region, runs, isShared } of regions) {
    // The pages of a segment or a file are nobody's.
    if (isShared) continue;
    for (let i = 0; i < runs.length; i += 3) asked.push(region, runs[i] ?? 0, runs[i + 2] ?? 0);
  }
  if (asked.length === 0) return [...regions];
  const parts = await target.session.donors(asked.view());
  try {
    if (parts.length === 0) return [...regions];
    return await storeParts(target, regions, parts, shared);
  } finally {
    for (const { fd } of parts) closeSync(fd);
  }
}

async function storeParts(
  target: CopyTarget,
  regions: readonly OpenRegion[],
  parts: readonly DonorPart[],
  shared: SharedPages,
): Promise<OpenRegion[]> {
  const donors = parts.map(() => new RunTable(3));
  const byRegion = rowsByRegion(parts);
  const left = regions.map((open) => {
    const rows = byRegion.get(open.region);
    if (!rows || open.isShared) return open;
    const split = splitByDonors(open.runs, rows);
    for (const [i, found] of split.donors.entries()) donors[i]?.pushAll(found);
    return { ...open, runs: split.own.view() };
  });
  for (const [i, part] of parts.entries())
    await storePart(target, part, donors[i]?.view() ?? new Float64Array(0), shared);
  return left;
}

/** Of each region the stretch that each part has of it: rows come in the order of the regions. */
function rowsByRegion(parts: readonly DonorPart[]): Map<number, Float64Array[]> {
  const byRegion = new Map<number, Float64Array[]>();
  for (const [part, { runs }] of parts.entries()) {
    for (let start = 0; start < runs.length;) {
      const region = runs[start] ?? 0;
      let end = start + 4;
      while (end < runs.length && runs[end] === region) end += 4;
      const rows = byRegion.get(region) ?? parts.map(() => new Float64Array(0));
      rows[part] = runs.subarray(start, end);
      byRegion.set(region, rows);
      start = end;
    }
  }
  return byRegion;
}

async function storePart(
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
