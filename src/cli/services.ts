import type { Progress, RoundReport, StopReport } from '../dump/reports.js';
import type { Device } from '../kernel/device.js';

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

/** The part of `Tracker` that commands use. */
export interface TrackerControl extends AsyncDisposable {
  rounds(limits: RoundLimits): AsyncGenerator<RoundReport>;
  stop(options: { kill: boolean; verify: boolean }): Promise<StopReport>;
}

/** The static part of `Tracker` that commands use. */
export interface TrackerFactory {
  start(options: TrackerOptions): Promise<{ tracker: TrackerControl; round: RoundReport }>;
  resume(options: TrackerOptions): Promise<TrackerControl>;
}

/** What commands work with, loaded when they ask for it. Tests have their own. */
export interface Services {
  tracker: () => Promise<TrackerFactory>;
  /** To be closed by the caller. */
  device: () => Promise<Pick<Device, 'status' | 'sessions' | typeof Symbol.dispose>>;
}

/** The real ones. */
export const services: Services = {
  tracker: async () => (await import('../tracker.js')).Tracker,
  device: async () => (await import('../kernel/device.js')).Device.open(),
};
