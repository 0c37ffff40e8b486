import { ImageError } from '../../../errors.js';
import type { InheritedFile } from '../../../process/file-record.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';

const duplicate = 0;

/** One of our own descriptors, which the process has had from its start. */
export const inheritedFile: FilePlanner<InheritedFile> = ({ what }, { fds, file, input }) => {
  const fd = fds.find((number) => input.inherited.has(number));
  if (fd === undefined)
    throw new ImageError(
      'FD_NOT_INHERITED',
      `fd ${fds.join(' and ')} was ${what}, which the images do not hold: hand one in with ` +
        `--inherit-fd ${fds[0] ?? 0}`,
      { facts: { fd: fds[0] ?? 0, what } },
    );
  return { steps: [call('fcntl', [inheritedSlot(fd), duplicate, 0], what, { result: file.slot })] };
};

/** Where the descriptor that is handed in for `fd` waits. */
export function inheritedSlot(fd: number): { slot: string } {
  return { slot: `inherited ${fd}` };
}
