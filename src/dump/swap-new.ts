import type { VmaRecord } from '../image/index.js';
import { DeviceError, TargetError } from '../errors.js';
import { type Layout, vmaKinds, vmaStates } from '../kernel/layout.js';
import type { SwapCount } from '../kernel/session.js';
import { type Frozen, withFrozen } from '../proc/freeze.js';
import { type FreezeTimes, noFreeze } from './reports.js';
import type { TargetContext } from './round.js';
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
  freeze: FreezeTimes;
}

const swappable = vmaStates.indexOf('swappable');
const sharedKinds = [vmaKinds.indexOf('anon-shared'), vmaKinds.indexOf('file-shared')];

/** Processes that share the target's memory are found one by one, by the thread that still runs. */
const maxSharers = 64;

/**
 * Swaps every mapping that can be. Shared ones stay where they are, which needs no freeze; private
 * ones take a short freeze of their own. Without such mappings the target is not stopped.
 * @param isFrozen the target stands already, for its final round: swapping private memory would be
 *   for nothing
 */
export async function swapNew(
  context: TargetContext,
  layout: Layout,
  isFrozen: boolean,
): Promise<SwapResult> {
  const shared = await swapShared(context, layout);
  if (isFrozen) return shared;
  context.pinned.nextRound();
  await context.unwritten.decide(context.session, shared.layout);
  if (privateRanges(context, shared.layout).length === 0) return shared;
  context.onProgress?.({ phase: 'swap', donePages: 0, totalPages: 0 });
  const { result, freezeMs } = await whileShared((extraTids) =>
    withFrozen(context.pid, (frozen) => swapFrozen(context, frozen), { extraTids }),
  );
  const nrVmas = shared.nrVmas + result.nrVmas;
  return { ...result, nrVmas, freeze: { ...result.freeze, totalMs: freezeMs } };
}

/**
 * Swaps every mapping that can be of a target that is held already, because others stand with it.
 */
export async function swapHeld(context: TargetContext, frozen: Frozen): Promise<SwapResult> {
  const shared = await swapShared(context, await context.session.layout());
  context.pinned.nextRound();
  await context.unwritten.decide(context.session, shared.layout);
  const result = await swapFrozen(context, frozen);
  return { ...result, nrVmas: shared.nrVmas + result.nrVmas };
}

/** Has the module follow writes to shared mappings, by whomever. One that it refuses is left out. */
async function swapShared({ session }: TargetContext, layout: Layout): Promise<SwapResult> {
  const nothing = { layout, names: [], nrVmas: 0, nrPages: 0, freeze: noFreeze };
  const ranges = rangesOf(layout, (i) => isShared(layout, i));
  if (ranges.length === 0) return nothing;
  const { nrDone } = await swapRanges(ranges.view(), {
    swap: (rest) => session.swapShared(rest),
    // Without a freeze, a mapping may change until it is swapped.
    mayRefuse: ({ code }) => code === 'PINNED' || code === 'NOT_SWAPPABLE',
  });
  return { ...nothing, layout: await session.layout(), nrVmas: nrDone };
}

async function swapFrozen(context: TargetContext, frozen: Frozen): Promise<SwapResult> {
  const { session, pid, pinned } = context;
  const before = await session.layout();
  const names = await describeVmas(pid, before, { hasFiles: false });
  const startMs = performance.now();
  const { nrDone, nrPages } = await swapRanges(privateRanges(context, before).view(), {
    swap: (rest) => session.swap(rest, frozen),
    mayRefuse: ({ code }) => code === 'PINNED',
    // It is dumped in full instead.
    onRefused: (startPage, endPage) => {
      pinned.add(startPage, endPage);
    },
  });
  const swapMs = performance.now() - startMs;
  const freeze = { ...noFreeze, stopMs: frozen.stopMs, swapMs };
  return { layout: await session.layout(), names, nrVmas: nrDone, nrPages, freeze };
}

/** How to swap, and what to do with a range that cannot be. */
interface SwapWay {
  swap: (ranges: Float64Array) => Promise<SwapCount>;
  /** that error is the range's own: the others go on */
  mayRefuse: (error: DeviceError) => boolean;
  onRefused?: (startPage: number, endPage: number) => void;
}

/** Swaps what can be swapped. */
async function swapRanges(ranges: Float64Array, way: SwapWay): Promise<SwapCount> {
  const total = { nrDone: 0, nrPages: 0 };
  for (let rest = ranges; rest.length > 0;) {
    const part = await swapUpToRefused(rest, way);
    total.nrDone += part.nrDone;
    total.nrPages += part.nrPages;
    const [startPage, endPage] = rest.subarray(part.nrDone * 2);
    if (startPage !== undefined && endPage !== undefined) way.onRefused?.(startPage, endPage);
    rest = rest.subarray((part.nrDone + 1) * 2);
  }
  return total;
}

async function swapUpToRefused(
  ranges: Float64Array,
  { swap, mayRefuse }: SwapWay,
): Promise<SwapCount> {
  try {
    return await swap(ranges);
  } catch (error) {
    if (!(error instanceof DeviceError) || !mayRefuse(error)) throw error;
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

/** The thread that a swap or revert has found running on the target's memory. */
export function busyTid(error: unknown): number | undefined {
  if (!(error instanceof TargetError) || error.code !== 'NOT_STOPPED') return undefined;
  const tid = error.facts['busyTid'];
  return typeof tid === 'number' && tid > 0 ? tid : undefined;
}

/** Private mappings that can be swapped, but for those that are better left alone for now. */
function privateRanges({ pinned, unwritten }: TargetContext, layout: Layout): RunTable {
  return rangesOf(
    layout,
    (i) =>
      !isShared(layout, i) &&
      !unwritten.has(layout, i) &&
      !pinned.has(layout.startPage(i), layout.endPage(i)),
  );
}

function isShared(layout: Layout, i: number): boolean {
  return sharedKinds.includes(layout.kind(i));
}

/** Start and end page of each mapping that can be swapped and is `wanted`. */
function rangesOf(layout: Layout, wanted: (i: number) => boolean): RunTable {
  const ranges = new RunTable(2);
  for (let i = 0; i < layout.length; i++) {
    if (layout.state(i) === swappable && wanted(i))
      ranges.push(layout.startPage(i), layout.endPage(i));
  }
  return ranges;
}
