import { ImageError } from '../../../errors.js';
import type { TerminalFile } from '../../../process/file-record.js';
import { SIGINFO_BYTES } from '../../../process/thread-record.js';
import { open } from '../constants.js';
import type { RestoreInput } from '../input.js';
import { call, int32s, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';
import { inheritedFile } from './inherited-file.js';
import { ownTerminalSteps } from './pty.js';

/** SIGWINCH, SI_KERNEL */
const windowChanged = 28;
const fromKernel = 0x80;
/** TCSETS2, TIOCSPGRP */
const ioctl = { setSettings: 0x402c542b, setForeground: 0x5410 } as const;

/**
 * The terminal of whoever restores in place of the old one, which gets its settings; or the
 * process' own one by `/dev/tty`.
 */
export const terminal: FilePlanner<TerminalFile> = (record, context) => {
  const { path, flags, id } = record;
  const { input, fds, file } = context;
  if (fds.some((fd) => input.inherited.has(fd)))
    return inheritedFile({ kind: 'inherited', id, flags, what: path }, context);
  const { ownTerminal } = input.process.files;
  const opened =
    ownTerminal === undefined ? (input.terminal?.path ?? noTerminal(record, fds)) : path;
  return {
    steps: [
      ...ownTerminalSteps(context),
      call('open', [{ text: opened }, flags | open.noTerminal], opened, { result: file.slot }),
    ],
    lateSteps: outerTerminalSteps(context),
  };
};

/** Once: what the terminal was like, and whose it was. */
function outerTerminalSteps({ input, fds, isFirst }: FilePlanContext): Step[] {
  const { outerTerminal } = input.process.files;
  if (!outerTerminal || !isForeground(input) || !isFirst('the outer terminal')) return [];
  const { settings } = outerTerminal;
  const [fd = -1] = fds;
  const about = 'the terminal';
  const { pid, processGroup } = input.process.identity;
  const group = int32s(pid);
  return [
    call('ioctl', [fd, ioctl.setSettings, { bytes: settings }], about),
    ...(processGroup === pid
      ? [call('ioctl', [fd, ioctl.setForeground, { bytes: group }], about)]
      : []),
  ];
}

/** The terminal's size may be another one than the process knows. */
export function resizeSteps(input: RestoreInput): Step[] {
  if (!isForeground(input)) return [];
  const info = new Uint8Array(SIGINFO_BYTES);
  info.set(int32s(windowChanged, 0, fromKernel));
  const args = [input.process.identity.pid, windowChanged, { bytes: info }];
  return [call('rt_sigqueueinfo', args, 'SIGWINCH')];
}

/** Whether the process had its terminal, and ours can be given to it. */
function isForeground({ process, terminal }: RestoreInput): boolean {
  return process.files.outerTerminal?.isForeground === true && terminal?.isForeground === true;
}

function noTerminal({ path }: TerminalFile, fds: readonly number[]): never {
  throw new ImageError(
    'NO_TERMINAL',
    `fd ${fds.join(' and ')} was the terminal ${path}: restore with --shell-job where you have one, ` +
      `or hand one in with --inherit-fd ${fds[0] ?? 0}`,
    { facts: { fd: fds[0] ?? 0, path } },
  );
}
