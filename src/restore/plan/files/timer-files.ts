import type { SignalFile, TimerFile } from '../../../process/file-record.js';
import { open } from '../constants.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';

/** TFD_IOC_SET_TICKS */
const setTicks = 0x40085400;
const nsPerSecond = 1_000_000_000n;

/** A timer, which runs from here on with the time that was left. */
export const timerfd: FilePlanner<TimerFile> = (timer, { file }) => {
  const { clock, flags, setFlags, intervalNs, nextNs, ticks } = timer;
  const mode = flags & open.nonBlocking;
  const setting = [intervalNs, nextNs].flatMap((ns) => [ns / nsPerSecond, ns % nsPerSecond]);
  const steps = [call('timerfd_create', [clock, mode], 'timerfd', { result: file.slot })];
  if (nextNs > 0n)
    steps.push(call('timerfd_settime', [file, setFlags, { words: setting }, 0], 'timerfd'));
  // Behind the setting, which forgets what was counted.
  if (ticks > 0n) steps.push(call('ioctl', [file, setTicks, { words: [ticks] }], 'timerfd'));
  return { steps };
};

/** Reads signals that wait: they are restored as such. */
export const signalfd: FilePlanner<SignalFile> = ({ mask, flags }, { file }) => {
  const args = [-1, { words: [mask] }, 8, flags & open.nonBlocking];
  return { steps: [call('signalfd4', args, 'signalfd', { result: file.slot })] };
};
