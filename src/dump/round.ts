import type { ImageDirectory, RoundWriter, TargetIdentity, VmaRecord } from '../image/index.js';
import type { Layout } from '../kernel/layout.js';
import type { Session } from '../kernel/session.js';
import type { Harvest } from '../native.js';
import type { Frozen } from '../proc/freeze.js';
import { copyPlan } from './copy-plan.js';
import type { MostlyUnwritten } from './mostly-unwritten.js';
import type { PinnedRanges } from './pinned-ranges.js';
import { planRound } from './plan.js';
import {
  type FreezeTimes,
  noFreeze,
  type Progress,
  type RoundReport,
  type Sharing,
} from './reports.js';
import type { SharedMappings } from './sharing.js';
import { swapNew, type SwapResult } from './swap-new.js';
import { untrackedOf } from './untracked.js';
import { describeVmas } from './vma-records.js';

/** What every round of one target has in common. */
export interface RoundContext extends TargetContext {
  images: ImageDirectory;
}

/** The target's part of that. */
export interface TargetContext {
  pid: number;
  session: Session;
  target: TargetIdentity;
  /** when the controller began */
  parentPid: number;
  /** number of the target in the images */
  member: number;
  pinned: PinnedRanges;
  unwritten: MostlyUnwritten;
  sharedMappings: SharedMappings;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** What a round hands to the next one. */
export interface RoundState {
  layout: Layout;
  vmas: readonly VmaRecord[];
}

/** How to take a round. */
export interface RoundOptions {
  /** of the round before, by this controller or (without layout) from the images; null: a full round */
  previous: { layout?: Layout; vmas: readonly VmaRecord[] } | null;
  /** an older layout with names of mappings, where there is no round before */
  names?: readonly VmaRecord[];
  /** the final round: the target stands and nothing new is swapped */
  frozen?: Frozen;
}

/**
 * Takes one round: swap what is new, harvest, copy, commit. On an error, or when the signal
 * aborts, the round is dropped, its pages are back in the log, and the target runs (or stands in
 * `frozen`, as before).
 */
export async function takeRound(
  context: RoundContext,
  options: RoundOptions,
): Promise<{ report: RoundReport; state: RoundState }> {
  const startMs = performance.now();
  const { session, images, signal, onProgress } = context;
  const swap = await swapNew(context, await session.layout(), options.frozen !== undefined);
  const { layout } = swap;
  const { vmas, isSame } = await layoutOf(context, layout, options, swap.names);
  const sharing = await context.sharedMappings.look(session, vmas);
  await using writer = await images.beginRound();

  signal?.throwIfAborted();
  onProgress?.({ phase: 'harvest', donePages: 0, totalPages: 0 });
  const harvestStartMs = performance.now();
  const harvest = await session.harvest();
  const copyStartMs = performance.now();
  try {
    const plan = planRound({
      vmas,
      previous: options.previous?.vmas ?? null,
      runs: harvest.runs,
      isOverflow: harvest.overflow,
      isFinal: options.frozen !== undefined,
    });
    const stored = await copyPlan(context, plan, {
      writer: writer.member(context.member),
      totalPages: harvest.nrPages,
      isFrozen: options.frozen !== undefined,
    });
    // After an exec the process' memory is another one's: this fails then.
    await session.layout();
    const report = await commitRound(context, options, writer, {
      vmas,
      isSame,
      swap,
      harvest,
      stored,
      sharing,
      startMs,
      harvestMs: copyStartMs - harvestStartMs,
      copyMs: performance.now() - copyStartMs,
    });
    return { report, state: { layout, vmas } };
  } catch (error) {
    putBack(session, harvest);
    throw error;
  }
}

/** A round whose pages are copied. */
interface CopiedRound {
  vmas: readonly VmaRecord[];
  /** the layout is that of the round before */
  isSame: boolean;
  swap: SwapResult;
  harvest: Harvest;
  /** pages of mappings that are not tracked */
  stored: ReadonlyMap<VmaRecord, number>;
  sharing: readonly Sharing[];
  /** when the round began, by performance.now() */
  startMs: number;
  harvestMs: number;
  copyMs: number;
}

/** Makes the round part of the images, and then lets the module forget its pages. */
async function commitRound(
  { session, target, parentPid, member, onProgress }: RoundContext,
  { previous, frozen }: RoundOptions,
  writer: RoundWriter,
  round: CopiedRound,
): Promise<RoundReport> {
  onProgress?.({ phase: 'commit', donePages: 0, totalPages: 0 });
  const { vmas, isSame, swap, harvest, startMs } = round;
  const commitStartMs = performance.now();
  const kind = previous === null ? 'full' : 'delta';
  const meta = await writer.commit({
    members: [
      {
        member,
        target,
        parent: null,
        parentPid,
        kind,
        sessionId: session.status().id,
        epoch: harvest.epoch,
        vmas: isSame ? null : [...vmas],
      },
    ],
    isFrozen: frozen !== undefined,
    stats: {
      ...numbersOf(round),
      durationMs: commitStartMs - startMs,
      freezeMs: frozen ? frozen.stopMs + commitStartMs - startMs : swap.freeze.totalMs,
    },
  });
  session.commit(harvest.epoch);
  const commitMs = performance.now() - commitStartMs;
  const freeze = frozen ? finalFreeze(frozen, round, commitMs) : swap.freeze;
  return {
    ...numbersOf(round),
    freezeMs: freeze.totalMs,
    freeze,
    round: meta.number,
    kind,
    pages: writer.counts.nrPages,
    zeroPages: writer.counts.nrZeroPages,
    bytes: writer.bytes,
    durationMs: performance.now() - startMs,
    commitMs,
    nrVmas: vmas.length,
    untracked: untrackedOf(vmas, round.stored),
    sharing: [...round.sharing],
    epoch: harvest.epoch,
    isFrozen: frozen !== undefined,
  };
}

/** What both the report and the images have. */
function numbersOf({ harvest, swap, harvestMs, copyMs }: CopiedRound) {
  return {
    harvestMs,
    copyMs,
    dirtyPages: harvest.nrPages,
    pinnedPages: harvest.nrPinned,
    rescannedRegions: harvest.nrRescans,
    swappedVmas: swap.nrVmas,
    swappedPages: swap.nrPages,
  };
}

/** The final round's part of the freeze. */
function finalFreeze(
  { stopMs }: Frozen,
  { startMs, harvestMs, copyMs }: CopiedRound,
  commitMs: number,
): FreezeTimes {
  const totalMs = stopMs + performance.now() - startMs;
  return { ...noFreeze, totalMs, stopMs, harvestMs, copyMs, commitMs };
}

/** The target may be gone, or the round committed: then there is nothing to put back. */
export function putBack(session: Session, harvest: Harvest): void {
  try {
    session.abort(harvest.epoch);
  } catch {
    // Closing the session does the same; the first error is the one to report.
  }
}

/**
 * The records of a layout; those of the round before where it is the same.
 * @param swapped the layout before the swap, with the names that swapped mappings had
 */
export async function layoutOf(
  { pid, unwritten }: Pick<RoundContext, 'pid' | 'unwritten'>,
  layout: Layout,
  { previous, names = [], frozen }: Omit<RoundOptions, 'frozen'> & { frozen?: unknown },
  swapped: readonly VmaRecord[],
): Promise<{ vmas: readonly VmaRecord[]; isSame: boolean }> {
  // The final round looks again: maps may have been read while they changed.
  if (!frozen && previous?.layout?.equals(layout)) return { vmas: previous.vmas, isSame: true };
  const vmas = await describeVmas(pid, layout, {
    swapped,
    previous: [...(previous?.vmas ?? []), ...names],
  });
  unwritten.mark(layout, vmas);
  return { vmas, isSame: false };
}
