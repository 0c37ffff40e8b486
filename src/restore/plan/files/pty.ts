import type { PtyMasterFile, PtySlaveFile } from '../../../process/file-record.js';
import { fcntl, open } from '../constants.js';
import type { RestoreInput } from '../input.js';
import { call, int32s, type Slot, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';

/** Flags that F_SETFL can set: O_APPEND, O_NONBLOCK. */
const settable = 0o2000 | 0o4000;
/** TCSETS2, TIOCSWINSZ, TIOCSPTLCK, TIOCPKT, TIOCEXCL, TIOCSCTTY */
const ioctl = {
  setSettings: 0x402c542b,
  setWindowSize: 0x5414,
  setLock: 0x40045431,
  setPacketMode: 0x5420,
  setExclusive: 0x540c,
  setControlling: 0x540e,
} as const;

/** The pty is made by whichever end comes first; the master waits above all numbers for its turn. */
export const ptyMaster: FilePlanner<PtyMasterFile> = (record, context) => {
  const { index, flags } = record;
  const { file, fds } = context;
  const [fd = -1] = fds;
  const about = nameOf(index);
  const master = masterSlot(index);
  const late: Step[] = [];
  if (record.isPacketMode)
    late.push(call('ioctl', [fd, ioctl.setPacketMode, { bytes: int32s(1) }], about));
  if (record.isExclusive) late.push(call('ioctl', [fd, ioctl.setExclusive, 0], about));
  if (record.isLocked) late.push(call('ioctl', [fd, ioctl.setLock, { bytes: int32s(1) }], about));
  return {
    steps: [
      ...ptySteps(index, context),
      call('fcntl', [master, fcntl.duplicateFrom, 0], about, { result: file.slot }),
      call('close', [master], about),
      call('fcntl', [file, fcntl.setFlags, flags & settable], about),
    ],
    lateSteps: late,
  };
};

/** Opened by its name, which the pty has again. */
export const ptySlave: FilePlanner<PtySlaveFile> = ({ index, flags }, context) => {
  const path = `/dev/pts/${index}`;
  const args = [{ text: path }, flags | open.noTerminal];
  return {
    steps: [...ptySteps(index, context), call('open', args, path, { result: context.file.slot })],
  };
};

/** Makes the controlling terminal before whoever needs it. */
export function ownTerminalSteps(context: FilePlanContext): Step[] {
  const { ownTerminal } = context.input.process.files;
  return ownTerminal === undefined ? [] : ptySteps(ownTerminal, context);
}

function ptySteps(index: number, context: FilePlanContext): Step[] {
  const about = nameOf(index);
  const record = masterOf(index, context.input);
  if (!record || !context.isFirst(about)) return [];
  const made = { slot: `new ${masterSlot(index).slot}` };
  const master = masterSlot(index);
  return [
    { op: 'open-pty', index, result: made.slot },
    call('fcntl', [made, fcntl.duplicateFrom, context.above], about, { result: master.slot }),
    call('close', [made], about),
    call('ioctl', [master, ioctl.setLock, { bytes: int32s(0) }], about),
    call('ioctl', [master, ioctl.setWindowSize, { bytes: record.windowSize }], about),
    call('ioctl', [master, ioctl.setSettings, { bytes: record.settings }], about),
    ...(context.input.process.files.ownTerminal === index ? controlSteps(index) : []),
    ...(record.isHungUp ? hangUpSteps(index) : []),
  ];
}

/** The session is the process' own by now; its group is in the foreground by this, too. */
function controlSteps(index: number): Step[] {
  const path = `/dev/pts/${index}`;
  const slave = { slot: `controlling terminal ${path}` };
  const args = [{ text: path }, open.readWrite | open.noTerminal | open.closeOnExec];
  return [
    call('open', args, path, { result: slave.slot }),
    call('ioctl', [slave, ioctl.setControlling, 0], path),
    call('close', [slave], path),
  ];
}

/** A slave that is opened and closed again. */
function hangUpSteps(index: number): Step[] {
  const path = `/dev/pts/${index}`;
  const slave = { slot: `closed slave ${path}` };
  const args = [{ text: path }, open.readWrite | open.noTerminal | open.closeOnExec];
  return [call('open', args, path, { result: slave.slot }), call('close', [slave], path)];
}

function masterOf(index: number, { process }: RestoreInput): PtyMasterFile | undefined {
  return process.files.open.find(
    (file): file is PtyMasterFile => file.kind === 'pty-master' && file.index === index,
  );
}

function masterSlot(index: number): Slot {
  return { slot: `master of pty ${index}` };
}

function nameOf(index: number): string {
  return `pty ${index}`;
}
