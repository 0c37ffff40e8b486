import { checkUntrackable } from './dump/check-untrackable.js';
import { MostlyUnwritten } from './dump/mostly-unwritten.js';
import { PinnedRanges } from './dump/pinned-ranges.js';
import type { RoundReport } from './dump/reports.js';
import { type RoundContext, takeRound } from './dump/round.js';
import { refuseSharing, SharedMappings } from './dump/sharing.js';
import { swapHeld } from './dump/swap-new.js';
import { describeVmas } from './dump/vma-records.js';
import { ImageError } from './errors.js';
import { ImageDirectory, type VmaRecord } from './image/index.js';
import { Device } from './kernel/device.js';
import type { Session } from './kernel/session.js';
import type { Frozen } from './proc/freeze.js';
import { readStat } from './proc/stat.js';
import { checkTrackable } from './proc/target.js';

/** Where the images are, and what is allowed. */
export interface TrackRestoredOptions {
  images: string;
  /** go on where other processes map its shared memory too */
  allowExternalSharing?: boolean;
}

/**
 * Tracks a process that stands, and was just restored from the last round of some images that has it.
 * Its first round is a delta; a full one where there are rounds behind that one, of an earlier process
 * that was restored and has gone on: they have other memory.
 * @throws DeviceError, TargetError, ImageError; then it must not go on, it may be tracked
 */
export async function trackRestored(
  frozen: Frozen,
  { images: path, allowExternalSharing = false }: TrackRestoredOptions,
): Promise<RoundReport> {
  const { pid } = frozen;
  const device = Device.open();
  let session: Session | undefined;
  try {
    session = device.openSession(pid, { create: true, exclusive: true });
    await using images = await ImageDirectory.open(path, { write: true });
    const names = await checkUntrackable(pid, await session.layout());
    const context = contextOf(frozen, session, images);
    const sharing = await context.sharedMappings.look(session, names);
    if (!allowExternalSharing) refuseSharing(pid, sharing);
    const swap = await swapHeld(context, frozen);
    const vmas = await describeVmas(pid, swap.layout, { swapped: swap.names, previous: names });
    const isLast = images.last?.members[0]?.process !== undefined;
    const previous = isLast ? { vmas: vmas.filter((vma) => isInRounds(images, vma)) } : null;
    const { report } = await takeRound(context, { previous, names: vmas, frozen });
    return report;
  } finally {
    session?.close();
    device.close();
  }
}

function contextOf(frozen: Frozen, session: Session, images: ImageDirectory): RoundContext {
  const { pid } = frozen;
  const [record] = images.last?.members ?? [];
  if (!record)
    throw new ImageError('IMAGES_EMPTY', `${images.path} holds no round yet`, {
      facts: { directory: images.path },
    });
  return {
    pid,
    session,
    images,
    target: checkTrackable(pid),
    parentPid: readStat(pid).ppid,
    member: record.member,
    pinned: new PinnedRanges(),
    unwritten: new MostlyUnwritten(),
    sharedMappings: new SharedMappings(),
  };
}

/**
 * Whether the images have a mapping's content by its addresses, as rounds of one process have it. A
 * dump has shared memory by segments.
 */
function isInRounds({ last }: ImageDirectory, { kind }: VmaRecord): boolean {
  return kind !== 'anon-shared' || (last?.segments.length ?? 0) === 0;
}
