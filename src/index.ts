export * from './errors.js';
export type {
  FreezeTimes,
  Progress,
  RoundReport,
  Sharing,
  StopReport,
  Untracked,
  VerifyReport,
} from './dump/reports.js';
export * from './image/index.js';
export { Device } from './kernel/device.js';
export type { SessionStatus } from './native.js';
export { type RoundsOptions, type StopOptions, Tracker, type TrackerOptions } from './tracker.js';
export { TreeTracker, type TreeOptions, type TreeStartOptions } from './tree-tracker.js';
export type * from './tree/tree-reports.js';
