import { checkUntrackable } from './dump/check-untrackable.js';
import { removeImages, prepareImages } from './dump/new-images.js';
import type { Progress, RoundReport, StopReport } from './dump/reports.js';
import { MostlyUnwritten } from './dump/mostly-unwritten.js';
import { PinnedRanges } from './dump/pinned-ranges.js';
import { ObservedWaits } from './dump/process/observe-waits.js';
import { storeTracked } from './dump/process/store-tracked.js';
import { type RoundContext, type RoundState, takeRound } from './dump/round.js';
import { refuseSharing, SharedMappings } from './dump/sharing.js';
import { whileShared } from './dump/swap-new.js';
import { Verification } from './dump/verify.js';
import { ImageError, TargetError } from './errors.js';
import {
  ImageDirectory,
  layoutAt,
  memberOf,
  type TargetIdentity,
  type VmaRecord,
} from './image/index.js';
import { Device } from './kernel/device.js';
import type { Session } from './kernel/session.js';
import { Frozen, withFrozen } from './proc/freeze.js';
import { killProcess } from './proc/kill-process.js';
import { readStat } from './proc/stat.js';
import { checkTrackable } from './proc/target.js';
import { type RoundsOptions, takeRounds } from './take-rounds.js';

export type { RoundsOptions };

/** Whom to track, and where the images go. */
export interface TrackerOptions {
  pid: number;
  /** images directory */
  images: string;
  /** for `start`: go on where other processes map its shared memory too */
  allowExternalSharing?: boolean;
  /** aborts what is running: the round is dropped, its pages go back into the log */
  signal?: AbortSignal;
  /** called a few times per second */
  onProgress?: (progress: Progress) => void;
}

/** How to end tracking. */
export interface StopOptions {
  /**
   * kill the target instead of letting it go on, unless `verify` has found the images wrong, there
   * is memory that they cannot hold (`untracked` of kind `special`), or the process cannot be
   * restored from them
   */
  kill?: boolean;
  /** compare the target's memory with the images before it goes on */
  verify?: boolean;
  /** descriptors that the one who restores is going to hand in */
  external?: Iterable<number>;
  /** it is a job of a shell: its terminal is that of whoever restores */
  isShellJob?: boolean;
}

/** What the next round builds on. */
type Previous = Partial<RoundState> & { vmas: readonly VmaRecord[] };

/**
 * Control of a target that is being tracked. Tracking belongs to the target: closing gives up
 * control and lets it go on, for the next `Tracker.resume`.
 */
export class Tracker implements AsyncDisposable {
  readonly pid: number;
  readonly images: ImageDirectory;
  readonly #device: Device;
  readonly #context: RoundContext;
  #previous: Previous | null;
  /** the last layout of an earlier controller */
  readonly #names: readonly VmaRecord[];

  private constructor(
    device: Device,
    context: RoundContext,
    previous: Previous | null,
    names: readonly VmaRecord[],
  ) {
    this.pid = context.pid;
    this.images = context.images;
    this.#device = device;
    this.#context = context;
    this.#previous = previous;
    this.#names = names;
  }

  /**
   * Swaps everything that can be swapped and takes round 0. When that fails or is aborted, the
   * target is as it was and nothing is left in `images`.
   * @throws TargetError (`EXTERNAL_SHARING`, ...), DeviceError, ImageError
   */
  static async start(options: TrackerOptions): Promise<{ tracker: Tracker; round: RoundReport }> {
    const { pid } = options;
    const target = checkTrackable(pid);
    const parentPid = readStat(pid).ppid;
    const device = Device.open();
    let session: Session | undefined;
    try {
      session = device.openSession(pid, { create: true, exclusive: true });
      const names = await checkUntrackable(pid, await session.layout());
      const sharedMappings = new SharedMappings();
      const sharing = await sharedMappings.look(session, names);
      if (!options.allowExternalSharing) refuseSharing(pid, sharing);
      const prepared = await prepareImages(options.images, { target });
      const { images } = prepared;
      const place = { session, images, target, parentPid, member: 0 };
      const context = contextOf(options, place, sharedMappings);
      try {
        const { report, state } = await takeRound(context, { previous: null, names });
        return { tracker: new Tracker(device, context, state, []), round: report };
      } catch (error) {
        await undoStart(context, error);
        await removeImages(prepared);
        throw error;
      }
    } catch (error) {
      session?.close();
      device.close();
      throw error;
    }
  }

  /**
   * Takes control of a target that is tracked, to go on with its images.
   * @throws TargetError `NOT_TRACKED`, `CONTROLLER_BUSY`, ...; ImageError `IMAGES_OTHER_TARGET`,
   *   `IMAGES_OTHER_SESSION` where images and session do not belong together
   */
  static async resume(options: TrackerOptions): Promise<Tracker> {
    const { pid } = options;
    const target = checkTrackable(pid);
    const parentPid = readStat(pid).ppid;
    const device = Device.open();
    let session: Session | undefined;
    let images: ImageDirectory | undefined;
    try {
      session = device.openSession(pid);
      images = await ImageDirectory.open(options.images, { write: true });
      const member = memberNumberOf(images, target);
      const isCurrent = isContinuation(images, member, session);
      const names = layoutAt(images.rounds, member);
      const context = contextOf(options, { session, images, target, parentPid, member });
      return new Tracker(device, context, isCurrent ? { vmas: names } : null, names);
    } catch (error) {
      await images?.close();
      session?.close();
      device.close();
      throw error;
    }
  }

  /** Takes a pre-dump round. The target is stopped only if it has new memory to swap. */
  async round(): Promise<RoundReport> {
    return this.#take();
  }

  /**
   * Takes pre-dump rounds until a limit of `options` is met.
   * @throws what `round` throws; an error with code `ABORT_ERR` when the signal aborts
   */
  rounds(options: RoundsOptions = {}): AsyncGenerator<RoundReport, void, undefined> {
    return takeRounds(() => this.round(), options, this.#context.signal);
  }

  /**
   * Freezes the target, takes the final round, puts its memory back as it was, stores what else the
   * process is in a round of its own, and lets it go on (or kills it). On an error the target goes
   * on, tracked; that it cannot be restored from the images is none (`notRestorable`).
   */
  async stop(options: StopOptions = {}): Promise<StopReport> {
    const report = await whileShared((extraTids) => this.#stopFrozen(extraTids, options));
    await this.close();
    return report;
  }

  /** Gives control up; tracking goes on. */
  async close(): Promise<void> {
    try {
      await this.images.close();
    } finally {
      this.#context.session.close();
      this.#device.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #stopFrozen(
    extraTids: readonly number[],
    { kill = false, verify = false, external = [], isShellJob = false }: StopOptions,
  ): Promise<StopReport> {
    const { session, onProgress } = this.#context;
    onProgress?.({ phase: 'freeze', donePages: 0, totalPages: 0 });
    const waits = new ObservedWaits(this.pid);
    const frozen = new Frozen(this.pid, { extraTids });
    try {
      waits.settle();
      // An empty swap: the module checks that nothing runs on this memory any more.
      await session.swap(new Float64Array(0), frozen);
      const final = await this.#take(frozen);
      const vmas = this.#previous?.vmas ?? [];
      const verification = verify ? new Verification({ ...this.#context, vmas }) : null;
      await verification?.beforeRevert();
      const revert = await this.#revert(frozen);
      await verification?.afterRevert();
      const report = verification?.report ?? null;
      const collect = { external: new Set(external), isShellJob, waits };
      const stored = await storeTracked(frozen, { ...this.#context, ...collect });
      // Wrong or incomplete images must not be all that is left of the target.
      const isComplete = final.untracked.every(({ kind }) => kind !== 'special');
      const isRight = (report?.lostWrites ?? 0) === 0;
      const isKilled = kill && isComplete && isRight && stored.process !== null;
      // With it, who runs on its memory.
      if (isKilled) for (const pid of [this.pid, ...extraTids]) killProcess(pid);
      frozen.thaw();
      const { freezeMs } = frozen;
      const { revertMs } = revert;
      const verifyMs = report?.durationMs ?? 0;
      const processMs = stored.process?.durationMs ?? 0;
      const freeze = { ...final.freeze, totalMs: freezeMs, revertMs, verifyMs, processMs };
      return { final, freezeMs, freeze, ...revert, verify: report, ...stored, isKilled };
    } finally {
      frozen.thaw();
    }
  }

  async #take(frozen?: Frozen): Promise<RoundReport> {
    const { rounds } = this.images;
    const { member } = this.#context;
    const nrRounds = rounds.length;
    try {
      const options = { previous: this.#previous, names: this.#names, ...(frozen && { frozen }) };
      const { report, state } = await takeRound(this.#context, options);
      this.#previous = state;
      return report;
    } catch (error) {
      // The images may have the round although the module was not told: then they count.
      if (rounds.length > nrRounds) this.#previous = { vmas: layoutAt(rounds, member) };
      throw error;
    }
  }

  async #revert(frozen: Frozen): Promise<Pick<StopReport, 'revertMs' | 'revertedVmas'>> {
    const startMs = performance.now();
    this.#context.onProgress?.({ phase: 'revert', donePages: 0, totalPages: 0 });
    const { nrVmas } = await this.#context.session.revert(frozen);
    return { revertMs: performance.now() - startMs, revertedVmas: nrVmas };
  }
}

function contextOf(
  { pid, signal, onProgress }: TrackerOptions,
  place: Pick<RoundContext, 'session' | 'images' | 'target' | 'parentPid' | 'member'>,
  sharedMappings = new SharedMappings(),
): RoundContext {
  const pinned = new PinnedRanges();
  const unwritten = new MostlyUnwritten();
  return { pid, ...place, pinned, unwritten, sharedMappings, signal, onProgress };
}

/**
 * Puts the memory of a target back whose round 0 failed.
 * @throws TargetError `STILL_TRACKED` where that fails; a target that is gone needs nothing
 */
async function undoStart({ pid, session, images }: RoundContext, reason: unknown): Promise<void> {
  try {
    if (session.status().nrRegions === 0) return;
    await whileShared((extraTids) =>
      withFrozen(pid, (frozen) => session.revert(frozen), { extraTids }),
    );
  } catch (cause) {
    if (cause instanceof TargetError && cause.code === 'NO_SUCH_PROCESS') return;
    await images.close();
    throw new TargetError(
      'STILL_TRACKED',
      `${messageOf(reason)}; and the memory of pid ${pid} could not be put back ` +
        `(${messageOf(cause)}): it stays tracked and intact, end it with tracker stop ${pid} ` +
        `--images ${images.path}`,
      { cause: reason, facts: { pid, images: images.path } },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The target's number in images that are of it alone.
 * @throws ImageError `IMAGES_OTHER_TARGET`
 */
function memberNumberOf({ path, manifest, last }: ImageDirectory, target: TargetIdentity): number {
  const [record, ...others] = last?.members ?? [];
  const old = record?.target ?? manifest.target;
  const facts = { images: path, pid: target.pid, imagesPid: old.pid };
  if (old.pid !== target.pid || old.startTime !== target.startTime)
    throw new ImageError(
      'IMAGES_OTHER_TARGET',
      `${path} holds images of ${old.comm} (pid ${old.pid}), another process than ` +
        `${target.comm} (pid ${target.pid}): name the directory that was given to tracker start`,
      { facts },
    );
  if (others.length > 0)
    throw new ImageError(
      'IMAGES_OTHER_TARGET',
      `${path} holds images of ${others.length} processes besides pid ${target.pid}, which would ` +
        'end there with a round of it alone: name a directory of its own',
      { facts },
    );
  return record?.member ?? 0;
}

/**
 * Whether the next round can build on the images' last one; else only a full round is right.
 * @throws ImageError `IMAGES_OTHER_SESSION`
 */
function isContinuation({ path, last }: ImageDirectory, member: number, session: Session): boolean {
  const record = last && memberOf(last, member);
  if (!record) return false;
  const status = session.status();
  const { pid } = record.target;
  if (record.sessionId !== status.id)
    throw new ImageError(
      'IMAGES_OTHER_SESSION',
      `${path} belongs to an earlier session of pid ${pid}, which has ended: name ` +
        'the directory that was given to the last tracker start',
      { facts: { images: path, pid } },
    );
  // A harvest after the images' last one was committed elsewhere: those pages are not here.
  return status.committed <= record.epoch && record.epoch <= status.epoch;
}
