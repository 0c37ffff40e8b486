import { native } from '../../../native.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';

const absolute = 1;
/** CLOCK_REALTIME and CLOCK_REALTIME_ALARM. */
const wallClocks = [0, 8];

/** Timers by timerfd_create. */
export const timerFiles: FileHandler = {
  matches: ({ link }) => link === 'anon_inode:[timerfd]',
  isSharable: true,
  collect: ({ info }) => {
    const setFlags = parseInt(/^settime flags:\s*([0-7]+)$/m.exec(info)?.[1] ?? '0', 8);
    const clock = numberOf(info, 'clockid');
    const leftNs = timeOf(info, 'it_value');
    const isAbsolute = (setFlags & absolute) !== 0 && wallClocks.includes(clock) && leftNs > 0n;
    return {
      kind: 'timerfd',
      clock,
      setFlags: isAbsolute ? setFlags : 0,
      intervalNs: timeOf(info, 'it_interval'),
      nextNs: isAbsolute ? wallTimeNs() + leftNs : leftNs,
      ticks: BigInt(numberOf(info, 'ticks')),
    };
  },
};

/**
 * Lets timers that have gone off count how often: until somebody asks, the kernel counts once, and
 * what procfs shows is the time of then.
 */
export function settleTimerFiles(descriptors: readonly OpenDescriptor[]): void {
  for (const descriptor of descriptors)
    if (timerFiles.matches(descriptor, noContext))
      native.settleTimerFile(descriptor.pid, descriptor.fd);
}

const noContext = { descriptors: [], external: new Set<number>() };

function wallTimeNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

function numberOf(info: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+)$`, 'm').exec(info)?.[1] ?? '0');
}

/** `(seconds, nanoseconds)` */
function timeOf(info: string, field: string): bigint {
  const [, seconds = '0', ns = '0'] =
    new RegExp(`^${field}:\\s*\\((\\d+), (\\d+)\\)$`, 'm').exec(info) ?? [];
  return BigInt(seconds) * 1_000_000_000n + BigInt(ns);
}
