import type { DeviceFile, DirectoryFile, RegularFile } from '../../../process/file-record.js';
import { open } from '../constants.js';
import { call, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';

const seekSet = 0;
/** What would change the file, or is of no interest once it is open. */
const onlyAtOpen = open.create | open.exclusive | open.truncate | open.noTerminal;

/** Opened by its path, with its offset. */
export const regularFile: FilePlanner<RegularFile> = ({ file, flags, offset }, context) => ({
  checks: [{ op: 'check-file', file, about: `open as fd ${context.fds.join(', ')}` }],
  steps: [openStep(file.path, flags, context), ...seekSteps(file.path, offset, context)],
});

/** Opened by its path, with its offset. */
export const directory: FilePlanner<DirectoryFile> = ({ path, flags, offset }, context) => ({
  steps: [openStep(path, flags, context), ...seekSteps(path, offset, context)],
});

/** Opened by its path. */
export const device: FilePlanner<DeviceFile> = ({ path, flags }, context) => ({
  steps: [openStep(path, flags, context)],
});

function openStep(path: string, flags: number, { file }: FilePlanContext): Step {
  const args = [{ text: path }, (flags & ~onlyAtOpen) | open.noTerminal];
  return call('open', args, path, { result: file.slot });
}

function seekSteps(path: string, offset: number, { file }: FilePlanContext): Step[] {
  return offset === 0 ? [] : [call('lseek', [file, offset, seekSet], path, { expect: offset })];
}
