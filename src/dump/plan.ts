import type { VmaRecord } from '../image/index.js';
import { isSegment, PROT_WRITE } from '../image/vma-record.js';
import { KnownPieces } from './known-pieces.js';
import { type Piece, PieceSweep } from './piece-sweep.js';
import { RunTable } from './runs.js';

/** What a round has to store, as pure data. */
export interface RoundPlan {
  /** startPage, endPage pairs: what older rounds store there is void */
  cleared: RunTable;
  /** by region, what to read from it */
  regions: Map<number, RegionPlan>;
  /** pages that are read through the process' memory: their region has only those written */
  nameless: Piece[];
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
  /** the region is a file, which others may truncate while it is read */
  isShared: boolean;
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

/** A piece of a tracked mapping. */
type TrackedPiece = Piece & { vma: VmaRecord };

/**
 * Runs of shared memory from this length on are asked for holes: when a system call has changed a
 * file all of it is dirty, however sparse it is.
 */
const longRun = 256;

/**
 * Decides what a round stores. Linear in VMAs and dirty runs, but for sorting the pieces.
 *
 * Dirty pages are taken where the last round has their region at the same address; a region that
 * is new, has moved or has grown is taken whole, unless its file has the content. What is not
 * tracked is taken whole if it is writable, or has changed since the last round, or if this is the
 * final round.
 */
export function planRound(input: PlanInput): RoundPlan {
  const plan: RoundPlan = {
    cleared: new RunTable(2),
    regions: new Map(),
    nameless: [],
    memory: [],
    segments: [],
  };
  const unchanged = new UnchangedVmas(input);
  for (const vma of input.vmas)
    if (vma.region === undefined) planUntracked(plan, vma, input, unchanged);
  if (!isIdle(input)) planRegions(plan, input);
  return plan;
}

/** The same mappings as in the last round, and nobody has written to those that are tracked. */
function isIdle({ vmas, previous, runs, isOverflow }: PlanInput): boolean {
  return vmas === previous && runs.length === 0 && !isOverflow;
}

function planRegions(plan: RoundPlan, { vmas, previous, runs, isOverflow }: PlanInput): void {
  const known = new KnownPieces(isOverflow ? null : previous);
  const knownNow = new Map<number, TrackedPiece[]>();
  for (const vma of vmas) if (vma.region !== undefined) planTracked(plan, known, knownNow, vma);
  planDirty(plan, knownNow, runs);
}

function planTracked(
  plan: RoundPlan,
  known: KnownPieces,
  knownNow: Map<number, TrackedPiece[]>,
  vma: VmaRecord,
): void {
  const region = vma.region ?? 0;
  const whole = { page: vma.startPage, endPage: vma.endPage, regionPage: vma.regionPage ?? 0 };
  for (const { isKnown, ...piece } of known.split(region, whole)) {
    if (isKnown) {
      const list = knownNow.get(region);
      if (list) list.push({ ...piece, vma });
      else knownNow.set(region, [{ ...piece, vma }]);
    } else {
      plan.cleared.push(piece.page, piece.endPage);
      planNew(plan, vma, piece);
    }
  }
}

/** What is not stored of a file's mapping is the file's, if it is known which file that is. */
function planNew(plan: RoundPlan, vma: VmaRecord, piece: Piece): void {
  if (vma.kind === 'file-shared') return;
  if (vma.kind === 'file-private' && vma.path === '') plan.nameless.push(piece);
  else regionPlan(plan, vma).whole.push(piece);
}

function planUntracked(
  plan: RoundPlan,
  vma: VmaRecord,
  { isFinal }: PlanInput,
  unchanged: UnchangedVmas,
): void {
  if (vma.kind === 'special') return;
  // Others may write where the target only reads.
  const isWritable = vma.kind === 'anon-shared' || (vma.prot & PROT_WRITE) !== 0;
  if (!isFinal && !isWritable && unchanged.has(vma)) return;
  plan.cleared.push(vma.startPage, vma.endPage);
  if (isSegment(vma)) plan.segments.push(vma);
  // The content of a read-only shared file mapping is the file's.
  else if (vma.kind !== 'file-shared' || isWritable) plan.memory.push(vma);
}

function planDirty(plan: RoundPlan, known: Map<number, TrackedPiece[]>, runs: Float64Array): void {
  let region = 0;
  let sweep = new PieceSweep<TrackedPiece>([]);
  for (let i = 0; i < runs.length; i += 3) {
    if (runs[i] !== region) {
      region = runs[i] ?? 0;
      sweep = new PieceSweep(known.get(region) ?? []);
    }
    const start = runs[i + 1] ?? 0;
    const end = start + (runs[i + 2] ?? 0);
    for (const piece of sweep.showing(start, end)) planRun(plan, piece, start, end);
  }
}

function planRun(plan: RoundPlan, { vma, ...piece }: TrackedPiece, start: number, end: number) {
  const shift = piece.page - piece.regionPage;
  const from = Math.max(start, piece.regionPage);
  const to = Math.min(end, piece.endPage - shift);
  const { dirty, whole } = regionPlan(plan, vma);
  // A page of a private file mapping that the target has given back is the file's again.
  const mayHaveHoles = vma.kind === 'file-private' || (vma.shared && to - from >= longRun);
  if (mayHaveHoles) {
    plan.cleared.push(from + shift, to + shift);
    whole.push({ page: from + shift, endPage: to + shift, regionPage: from });
  } else {
    dirty.push(from, from + shift, to - from);
  }
}

function regionPlan(plan: RoundPlan, { region = 0, shared }: VmaRecord): RegionPlan {
  let found = plan.regions.get(region);
  if (!found) {
    found = { dirty: new RunTable(3), whole: [], isShared: shared };
    plan.regions.set(region, found);
  }
  return found;
}

/** Mappings that the last round has seen just so. */
class UnchangedVmas {
  readonly #isSame: boolean;
  readonly #byStart = new Map<number, VmaRecord>();

  constructor({ vmas, previous }: PlanInput) {
    this.#isSame = vmas === previous;
    if (this.#isSame) return;
    for (const vma of previous ?? []) this.#byStart.set(vma.startPage, vma);
  }

  has(vma: VmaRecord): boolean {
    if (this.#isSame) return true;
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
