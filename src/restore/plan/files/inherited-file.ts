import { ImageError } from '../../../errors.js';
import type { InheritedFile } from '../../../process/file-record.js';
import type { RestoreInput } from '../input.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';

const duplicate = 0;

/** One of our own descriptors, which the process has had from its start. */
export const inheritedFile: FilePlanner<InheritedFile> = ({ what }, { fds, file, input }) => {
  const { slot } = inheritedSlot(handedIn(what, fds, input.inherited));
  return { steps: [call('fcntl', [{ slot }, duplicate, 0], what, { result: file.slot })] };
};

/**
 * By which of its descriptors a file is handed in.
 * @throws ImageError `FD_NOT_INHERITED`
 */
export function handedIn(
  what: string,
  fds: readonly number[],
  inherited: RestoreInput['inherited'],
): number {
  const found = fds.find((number) => inherited.has(number));
  if (found !== undefined) return found;
  throw new ImageError(
    'FD_NOT_INHERITED',
    `fd ${fds.join(' and ')} was ${what}, which the images do not hold: hand one in with ` +
      `--inherit-fd ${fds[0] ?? 0}`,
    { facts: { fd: fds[0] ?? 0, what } },
  );
}

/** Where the descriptor that is handed in for `fd` waits. */
export function inheritedSlot(fd: number): { slot: string } {
  return { slot: `inherited ${fd}` };
}
