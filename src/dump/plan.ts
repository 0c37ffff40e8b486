import type { VmaRecord } from '../image/index.js';
import { PROT_WRITE } from '../image/vma-record.js';
import { KnownPieces, type Piece } from './known-pieces.js';
import { RunTable } from './runs.js';

/** What a round has to store, as pure data. */
export interface RoundPlan {
  /** startPage, endPage pairs: what older rounds store there is void */
  cleared: RunTable;
  /** by region, what to read from it */
  regions: Map<number, RegionPlan>;
  /** mappings whose existing pages are read through the process' memory */
  memory: VmaRecord[];
  /** shared memory: read through its file, where other mappers' pages are seen too */
  segments: VmaRecord[];
}

/** What to read from one region. */
export interface RegionPlan {
  /** dirty pages at known addresses: sourcePage, page, nrPages */
  dirty: RunTable;
  /** everything that exists in these pieces */
  whole: Piece[];
}

/** What a plan is made from. */
export interface PlanInput {
  /** today's layout */
  vmas: readonly VmaRecord[];
  /** the last round's layout if this round builds on it, else null: a full round */
  previous: readonly VmaRecord[] | null;
  /** harvested runs: region, page, nrPages; sorted by region and page */
  runs: Float64Array;
  /** the harvest's runs are not complete: take every page of every region */
  isOverflow: boolean;
  /** the target stands: take also what cannot have changed */
  isFinal: boolean;
}

/**
 * Decides what a round stores. Linear in VMAs and dirty runs, but for a binary search per run.
 *
 * Dirty pages are taken where the last round has their region at the same address; a region that
 * is new, has moved or has grown is taken whole. What is not tracked is taken whole if it is
 * writable, or has changed since the last round, or if this is the final round.
 */
export function planRound(input: PlanInput): RoundPlan {
  const plan: RoundPlan = {
    cleared: new RunTable(2),
    regions: new Map(),
    memory: [],
    segments: [],
  };
  const known = new KnownPieces(input.isOverflow ? null : input.previous);
  const knownNow = new Map<number, Piece[]>();
  const unchanged = new UnchangedVmas(input.previous);
  for (const vma of input.vmas) {
    if (vma.region !== undefined) planTracked(plan, known, knownNow, vma);
    else planUntracked(plan, vma, input, unchanged);
  }
  for (const list of knownNow.values()) list.sort((a, b) => a.regionPage - b.regionPage);
  planDirty(plan, knownNow, input.runs);
  return plan;
}

function planTracked(
  plan: RoundPlan,
  known: KnownPieces,
  knownNow: Map<number, Piece[]>,
  vma: VmaRecord,
): void {
  const region = vma.region ?? 0;
  const whole = { page: vma.startPage, endPage: vma.endPage, regionPage: vma.regionPage ?? 0 };
  for (const { isKnown, ...piece } of known.split(region, whole)) {
    if (isKnown) {
      const list = knownNow.get(region);
      if (list) list.push(piece);
      else knownNow.set(region, [piece]);
    } else {
      plan.cleared.push(piece.page, piece.endPage);
      regionPlan(plan, region).whole.push(piece);
    }
  }
}

function planUntracked(
  plan: RoundPlan,
  vma: VmaRecord,
  { isFinal }: PlanInput,
  unchanged: UnchangedVmas,
): void {
  if (vma.kind === 'special') return;
  const isSegment = vma.kind === 'anon-shared';
  const mayHaveChanged = isFinal || isSegment || (vma.prot & PROT_WRITE) !== 0;
  if (!mayHaveChanged && unchanged.has(vma)) return;
  plan.cleared.push(vma.startPage, vma.endPage);
  if (isSegment) plan.segments.push(vma);
  // The content of a read-only shared file mapping is the file's.
  else if (vma.kind !== 'file-shared' || (vma.prot & PROT_WRITE) !== 0) plan.memory.push(vma);
}

function planDirty(plan: RoundPlan, known: Map<number, Piece[]>, runs: Float64Array): void {
  for (let i = 0; i < runs.length; i += 3) {
    const region = runs[i] ?? 0;
    const start = runs[i + 1] ?? 0;
    const end = start + (runs[i + 2] ?? 0);
    const pieces = known.get(region);
    if (!pieces) continue;
    for (let at = firstEndingAfter(pieces, start); at < pieces.length; at++) {
      const piece = pieces[at];
      if (!piece || piece.regionPage >= end) break;
      const from = Math.max(start, piece.regionPage);
      const to = Math.min(end, piece.regionPage + piece.endPage - piece.page);
      regionPlan(plan, region).dirty.push(from, piece.page + from - piece.regionPage, to - from);
    }
  }
}

function firstEndingAfter(pieces: readonly Piece[], regionPage: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const piece = pieces[middle];
    if (piece && piece.regionPage + piece.endPage - piece.page > regionPage) high = middle;
    else low = middle + 1;
  }
  return low;
}

function regionPlan(plan: RoundPlan, region: number): RegionPlan {
  let found = plan.regions.get(region);
  if (!found) {
    found = { dirty: new RunTable(3), whole: [] };
    plan.regions.set(region, found);
  }
  return found;
}

/** Mappings that the last round has seen just so. */
class UnchangedVmas {
  readonly #byStart = new Map<number, VmaRecord>();

  constructor(vmas: readonly VmaRecord[] | null) {
    for (const vma of vmas ?? []) this.#byStart.set(vma.startPage, vma);
  }

  has(vma: VmaRecord): boolean {
    const old = this.#byStart.get(vma.startPage);
    return (
      old !== undefined &&
      old.endPage === vma.endPage &&
      old.prot === vma.prot &&
      old.kind === vma.kind &&
      old.region === vma.region &&
      old.path === vma.path &&
      old.inode === vma.inode &&
      old.offset === vma.offset
    );
  }
}
