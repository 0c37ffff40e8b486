import { type NewImages, prepareImages, removeImages } from './dump/new-images.js';
import type { Progress } from './dump/reports.js';
import { ImageError, TargetError } from './errors.js';
import { cgroupDirectory } from './proc/family.js';
import { ImageDirectory } from './image/index.js';
import { Device } from './kernel/device.js';
import { describeTarget } from './proc/target.js';
import { type RoundsOptions, takeRounds } from './take-rounds.js';
import type { StopOptions } from './tracker.js';
import { checkJoined, checkRoots } from './tree/check-roots.js';
import { FrozenMembers } from './tree/frozen-members.js';
import { Members, type MembersOptions } from './tree/members.js';
import { resumeMembers } from './tree/resume-members.js';
import { Segments } from './tree/segments.js';
import { decodeSelection, encodeSelection, type Selection } from './tree/selection.js';
import { stopTree } from './tree/stop-tree.js';
import { StoredPages } from './tree/stored-pages.js';
import { takeTreeRound, type TreeState } from './tree/tree-round.js';
import type { TreeRoundReport, TreeStopReport } from './tree/tree-reports.js';
import type { TreeMember } from './tree/tree-member.js';
import { undoStart } from './tree/undo-start.js';

/** Where the images of a tree are, and how work on it is followed and stopped. */
export interface TreeOptions {
  /** images directory */
  images: string;
  /** leave out, and report, what cannot be tracked, instead of failing; as at the start if absent */
  skipUntrackable?: boolean;
  /** go on where processes outside of the tree map its shared memory too */
  allowExternalSharing?: boolean;
  /** aborts what is running: the round is dropped, its pages go back into the logs */
  signal?: AbortSignal;
  /** called a few times per second */
  onProgress?: (progress: Progress) => void;
}

/** Whom to track together. */
export interface TreeStartOptions extends TreeOptions {
  pids: readonly number[];
  /** their descendants too, those to come as well */
  isTree?: boolean;
  /** the processes of a cgroup too: its directory */
  cgroup?: string;
}

/**
 * Control of several targets that are dumped together, each page once. Tracking belongs to the
 * targets: closing gives up control and lets them go on, for the next `TreeTracker.resume`.
 */
export class TreeTracker implements AsyncDisposable {
  readonly images: ImageDirectory;
  readonly #device: Device;
  readonly #state: TreeState;
  readonly #signal: AbortSignal | undefined;

  private constructor(device: Device, state: TreeState, signal: AbortSignal | undefined) {
    this.images = state.images;
    this.#device = device;
    this.#state = state;
    this.#signal = signal;
  }

  /**
   * Freezes all targets, swaps everything that can be swapped, lets them go on and takes round 0.
   * When that fails or is aborted, they are as they were and nothing is left in `images`.
   * @throws TargetError, of what cannot be tracked with its pid; DeviceError, ImageError
   */
  static async start(
    options: TreeStartOptions,
  ): Promise<{ tracker: TreeTracker; round: TreeRoundReport }> {
    const selection = selectionOf(options);
    const device = Device.open();
    const members = new Members(device, membersOptions(options, selection), 0);
    try {
      using frozen = new FrozenMembers();
      checkRoots(members, selection);
      const joined = await members.join(frozen, 'start');
      const first = checkJoined(members, selection);
      const prepared = await prepareImages(options.images, {
        target: first.context.target,
        unknownFields: encodeSelection(selection),
      });
      const { images } = prepared;
      const state = { members, images, ...noPages(), segments: new Segments() };
      const round = await takeFirstRound(state, joined, frozen, prepared);
      return { tracker: new TreeTracker(device, state, options.signal), round };
    } catch (error) {
      members.close();
      device.close();
      throw error;
    }
  }

  /**
   * Takes control of the targets whose images are in a directory, to go on with those.
   * @throws TargetError `NOT_TRACKED` where there is nobody to go on with; ImageError
   *   `IMAGES_OTHER_SESSION`, `IMAGES_OTHER_TARGET` for images of a process without its tree
   */
  static async resume(options: TreeOptions & { pids?: readonly number[] }): Promise<TreeTracker> {
    const device = Device.open();
    let images: ImageDirectory | undefined;
    let members: Members | undefined;
    try {
      images = await ImageDirectory.open(options.images, { write: true });
      const stored = decodeSelection(images.manifest.unknownFields) ?? noSelection(images);
      const { rounds } = images;
      const skipUntrackable = options.skipUntrackable ?? stored.skipUntrackable;
      const settings = membersOptions(options, { ...stored, skipUntrackable });
      checkNamed(images, stored, options.pids ?? []);
      members = new Members(device, settings, images.last?.nextMember ?? 0);
      resumeMembers(device, images, members);
      const segments = Segments.of(rounds);
      const state = { members, images, ...noPages(), segments };
      return new TreeTracker(device, state, options.signal);
    } catch (error) {
      members?.close();
      await images?.close();
      device.close();
      throw error;
    }
  }

  /** The targets, by number in the images. */
  get members(): { member: number; pid: number; comm: string }[] {
    return this.#state.members.all.map(({ number, context }) => ({
      member: number,
      pid: context.pid,
      comm: context.target.comm,
    }));
  }

  /**
   * Takes a pre-dump round. Who is new is added, in a short freeze of its own; who has ended is
   * dropped.
   */
  async round(): Promise<TreeRoundReport> {
    const { members } = this.#state;
    members.refresh();
    using frozen = new FrozenMembers();
    const joined = await members.join(frozen, 'round');
    const swapped = await members.swap(joined, frozen);
    frozen.thaw();
    const report = await takeTreeRound(this.#state, {
      swapped,
      freezeMs: (member) => frozen.freezeMs(member),
    });
    members.wasStopped = false;
    return report;
  }

  /**
   * Takes pre-dump rounds until a limit of `options` is met.
   * @throws what `round` throws; an error with code `ABORT_ERR` when the signal aborts
   */
  rounds(options: RoundsOptions = {}): AsyncGenerator<TreeRoundReport, void, undefined> {
    return takeRounds(() => this.round(), options, this.#signal);
  }

  /**
   * Freezes all targets, takes the final round, puts their memory back as it was, and lets them go
   * on together (or kills them). On an error before that they go on, tracked.
   */
  async stop(options: StopOptions = {}): Promise<TreeStopReport> {
    const report = await stopTree(this.#state, options);
    await this.close();
    return report;
  }

  /** Gives control up; tracking goes on. */
  async close(): Promise<void> {
    try {
      await this.images.close();
    } finally {
      this.#state.members.close();
      this.#device.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * A tree is named by any of its members, or by a process that it began with and that may have ended.
 * @throws ImageError `IMAGES_OTHER_TARGET`
 */
function checkNamed(
  { path, last }: ImageDirectory,
  { roots }: Selection,
  pids: readonly number[],
): void {
  const members = new Set(last?.members.map(({ target }) => target.pid));
  for (const { pid } of roots) members.add(pid);
  const other = pids.find((pid) => !members.has(pid));
  if (other === undefined) return;
  throw new ImageError(
    'IMAGES_OTHER_TARGET',
    `${path} holds no images of pid ${other}: name the directory that was given to tracker start`,
    { facts: { images: path, pid: other } },
  );
}

/** What the images have of an earlier controller is not looked up. */
function noPages(): Pick<TreeState, 'donors' | 'frames'> {
  return { donors: new StoredPages(), frames: new StoredPages() };
}

/** On an error everything is put back. */
async function takeFirstRound(
  state: TreeState,
  joined: readonly TreeMember[],
  frozen: FrozenMembers,
  prepared: NewImages,
): Promise<TreeRoundReport> {
  const { members, images } = state;
  try {
    const swapped = await members.swap(joined, frozen);
    frozen.thaw();
    return await takeTreeRound(state, { swapped, freezeMs: (member) => frozen.freezeMs(member) });
  } catch (error) {
    frozen.thaw();
    await undoStart(members, images, error);
    await removeImages(prepared);
    throw error;
  }
}

function selectionOf(options: TreeStartOptions): Selection {
  const { pids, isTree = false, cgroup, skipUntrackable = false } = options;
  const roots = [...new Set(pids)].map((pid) => {
    const { startTime } = describeTarget(pid);
    return { pid, startTime };
  });
  const directory = cgroup === undefined ? null : cgroupDirectory(cgroup);
  return { roots, isTree, cgroup: directory, skipUntrackable };
}

function membersOptions(
  { allowExternalSharing = false, signal, onProgress }: TreeOptions,
  selection: Selection,
): MembersOptions {
  return { selection, allowExternalSharing, signal, onProgress };
}

function noSelection({ path }: ImageDirectory): never {
  throw new TargetError(
    'NOT_A_TREE',
    `${path} holds images of a process alone: go on with tracker iterate PID --images ${path}`,
    { facts: { images: path } },
  );
}
