import type { InotifyFile } from '../../../process/file-record.js';
import { open } from '../constants.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';

/** Gets its watches last of all, so that it has nothing to say about the restore itself. */
export const inotify: FilePlanner<InotifyFile> = ({ flags, watches }, { file, fds }) => {
  const [fd = -1] = fds;
  const mode = flags & open.nonBlocking;
  return {
    checks: watches.map(({ path, inode }) => ({
      ...({ op: 'check-path', path, inode, isFifo: false } as const),
      about: `watched by fd ${fd}`,
    })),
    steps: [call('inotify_init1', [mode], 'inotify', { result: file.slot })],
    watchSteps: [{ op: 'add-watches', fd, watches }],
  };
};
