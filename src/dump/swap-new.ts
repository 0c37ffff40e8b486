import type { VmaRecord } from '../image/index.js';
import { DeviceError, TargetError } from '../errors.js';
import { type Layout, vmaStates } from '../kernel/layout.js';
import type { Session } from '../kernel/session.js';
import { type Frozen, withFrozen } from '../proc/freeze.js';
import type { PinnedRanges } from './pinned-ranges.js';
import type { RoundContext } from './round.js';
import { RunTable } from './runs.js';
import { describeVmas } from './vma-records.js';

/** What became of the mappings that were not tracked yet. */
export interface SwapResult {
  /** the layout afterwards */
  layout: Layout;
  /** the layout before, with the names that swapped mappings had; empty if nothing was swapped */
  names: readonly VmaRecord[];
  nrVmas: number;
  nrPages: number;
  freezeMs: number;
}

const swappable = vmaStates.indexOf('swappable');

/** Processes that share the target's memory are found one by one, by the thread that still runs. */
const maxSharers = 64;

/**
 * Swaps every mapping that can be, in a short freeze of its own; without such mappings the target
 * is not stopped.
 * @param isFrozen the target stands already, for its final round: swapping would be for nothing
 */
export async function swapNew(
  context: RoundContext,
  layout: Layout,
  isFrozen: boolean,
): Promise<SwapResult> {
  const nothing = { layout, names: [], nrVmas: 0, nrPages: 0, freezeMs: 0 };
  context.pinned.nextRound();
  if (isFrozen || rangesOf(layout, context.pinned).length === 0) return nothing;
  context.onProgress?.({ phase: 'swap', donePages: 0, totalPages: 0 });
  const { result, freezeMs } = await whileShared((extraTids) =>
    withFrozen(context.pid, (frozen) => swapFrozen(context, frozen), { extraTids }),
  );
  return { ...result, freezeMs };
}

async function swapFrozen(
  { session, pid, pinned }: RoundContext,
  frozen: Frozen,
): Promise<Omit<SwapResult, 'freezeMs'>> {
  const before = await session.layout();
  const names = await describeVmas(pid, before, [], { hasFiles: false });
  const ranges = rangesOf(before, pinned);
  const { nrDone, nrPages } = await swapRanges(session, ranges.view(), frozen, pinned);
  return { layout: await session.layout(), names, nrVmas: nrDone, nrPages };
}

/** Swaps what can be swapped: memory that is pinned for DMA stays as it is, dumped in full. */
async function swapRanges(
  session: Session,
  ranges: Float64Array,
  frozen: Frozen,
  pinned: PinnedRanges,
): Promise<{ nrDone: number; nrPages: number }> {
  const total = { nrDone: 0, nrPages: 0 };
  for (let rest = ranges; rest.length > 0;) {
    const part = await swapUpToPinned(session, rest, frozen);
    total.nrDone += part.nrDone;
    total.nrPages += part.nrPages;
    const [startPage, endPage] = rest.subarray(part.nrDone * 2);
    if (startPage !== undefined && endPage !== undefined) pinned.add(startPage, endPage);
    rest = rest.subarray((part.nrDone + 1) * 2);
  }
  return total;
}

async function swapUpToPinned(
  session: Session,
  ranges: Float64Array,
  frozen: Frozen,
): Promise<{ nrDone: number; nrPages: number }> {
  try {
    return await session.swap(ranges, frozen);
  } catch (error) {
    if (!(error instanceof DeviceError) || error.code !== 'PINNED') throw error;
    const { nrDone = 0, nrPages = 0 } = error.facts;
    return { nrDone: Number(nrDone), nrPages: Number(nrPages) };
  }
}

/**
 * Runs `work`, and again with the threads added that it finds running on the target's memory
 * (processes made with CLONE_VM).
 */
export async function whileShared<T>(
  work: (extraTids: readonly number[]) => Promise<T>,
): Promise<T> {
  const extraTids: number[] = [];
  for (;;) {
    try {
      return await work(extraTids);
    } catch (error) {
      const tid = busyTid(error);
      if (tid === undefined || extraTids.includes(tid) || extraTids.length >= maxSharers)
        throw error;
      extraTids.push(tid);
    }
  }
}

function busyTid(error: unknown): number | undefined {
  if (!(error instanceof TargetError) || error.code !== 'NOT_STOPPED') return undefined;
  const tid = error.facts['busyTid'];
  return typeof tid === 'number' && tid > 0 ? tid : undefined;
}

/** Start and end page of each mapping that can be swapped. */
function rangesOf(layout: Layout, pinned: PinnedRanges): RunTable {
  const ranges = new RunTable(2);
  for (let i = 0; i < layout.length; i++) {
    if (layout.state(i) !== swappable) continue;
    const [startPage, endPage] = [layout.startPage(i), layout.endPage(i)];
    if (!pinned.has(startPage, endPage)) ranges.push(startPage, endPage);
  }
  return ranges;
}
