import type { Progress, RoundReport, StopReport } from '../dump/reports.js';
import type { TreeRoundReport, TreeStopReport } from '../tree/tree-reports.js';
import type { Device } from '../kernel/device.js';
import type { TreeStatus } from '../tree/tree-status.js';

/** What controlling a target takes, as `Tracker` has it. */
export interface TrackerOptions {
  pid: number;
  images: string;
  allowExternalSharing?: boolean;
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

/** When `Tracker.rounds` ends. */
export interface RoundLimits {
  count?: number;
  intervalMs?: number;
  until?: number;
}

/** How `Tracker.stop` ends. */
export interface StopOptions {
  kill: boolean;
  verify: boolean;
  external: number[];
  isShellJob: boolean;
}

/** The part of `Tracker` that commands use. */
export interface TrackerControl extends AsyncDisposable {
  rounds(limits: RoundLimits): AsyncGenerator<RoundReport>;
  stop(options: StopOptions): Promise<StopReport>;
}

/** The static part of `Tracker` that commands use. */
export interface TrackerFactory {
  start(options: TrackerOptions): Promise<{ tracker: TrackerControl; round: RoundReport }>;
  resume(options: TrackerOptions): Promise<TrackerControl>;
}

/** What controlling a tree takes, as `TreeTracker` has it. */
export type TreeOptions = Omit<TrackerOptions, 'pid'>;

/** Whom to track together. */
export interface TreeStartOptions extends TreeOptions {
  pids: readonly number[];
  isTree: boolean;
  cgroup?: string;
  skipUntrackable: boolean;
}

/** The part of `TreeTracker` that commands use. */
export interface TreeControl extends AsyncDisposable {
  rounds(limits: RoundLimits): AsyncGenerator<TreeRoundReport>;
  stop(options: { kill: boolean; verify: boolean }): Promise<TreeStopReport>;
}

/** The static part of `TreeTracker` that commands use. */
export interface TreeFactory {
  start(options: TreeStartOptions): Promise<{ tracker: TreeControl; round: TreeRoundReport }>;
  resume(
    options: TreeOptions & { pids: readonly number[]; skipUntrackable?: boolean },
  ): Promise<TreeControl>;
}

/** What commands work with, loaded when they ask for it. Tests have their own. */
export interface Services {
  tracker: () => Promise<TrackerFactory>;
  tree: () => Promise<TreeFactory>;
  /** Whether images are of several processes, by what their directory says of itself. */
  isTree: (images: string) => Promise<boolean>;
  /** Who is in the tree of some images. */
  treeStatus: (images: string, device: Pick<Device, 'status'>) => Promise<TreeStatus>;
  /** To be closed by the caller. */
  device: () => Promise<Pick<Device, 'status' | 'sessions' | typeof Symbol.dispose>>;
}

/** The real ones. */
export const services: Services = {
  tracker: async () => (await import('../tracker.js')).Tracker,
  tree: async () => (await import('../tree-tracker.js')).TreeTracker,
  isTree: async (images) => (await import('../tree/is-tree.js')).isTree(images),
  treeStatus: async (images, device) =>
    (await import('../tree/tree-status.js')).treeStatus(images, device),
  device: async () => (await import('../kernel/device.js')).Device.open(),
};
