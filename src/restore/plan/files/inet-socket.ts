import type { InetSocketFile } from '../../../process/file-record.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';
import { addressSteps, optionSteps } from './socket-steps.js';

/** Has its options before its address: some decide whether it may have that. */
export const inetSocket: FilePlanner<InetSocketFile> = (file, { fds, file: made }) => {
  const { domain, type, protocol } = file;
  const about = `socket, fd ${fds.join(', ')}`;
  return {
    steps: [
      call('socket', [domain, type, protocol], about, { result: made.slot }),
      ...optionSteps(made, file, about),
      ...addressSteps(made, file, about),
    ],
  };
};
