import type { EpollFile, EventFile } from '../../../process/file-record.js';
import { call } from '../step.js';
import type { FilePlanner } from './file-planner.js';

const nonBlocking = 0o4000;
const semaphore = 1;
const epollAdd = 1;

/** A counter, with what it has counted. */
export const eventfd: FilePlanner<EventFile> = ({ flags, count, isSemaphore }, { file }) => {
  const mode = (flags & nonBlocking) | (isSemaphore ? semaphore : 0);
  const about = 'eventfd';
  const steps = [call('eventfd2', [0, mode], about, { result: file.slot })];
  if (count > 0n) steps.push(call('write', [file, { words: [count] }, 8], about, { expect: 8 }));
  return { steps };
};

/** A set, which gets its members when all descriptors are in their places. */
export const epoll: FilePlanner<EpollFile> = ({ entries }, { file, fds }) => {
  const [fd = -1] = fds;
  return {
    steps: [call('epoll_create1', [0], 'epoll', { result: file.slot })],
    lateSteps: entries.map((entry) =>
      call('epoll_ctl', [fd, epollAdd, entry.fd, { bytes: eventBytes(entry) }], `epoll fd ${fd}`),
    ),
  };
};

/** `struct epoll_event`, which is packed. */
function eventBytes({ events, data }: EpollFile['entries'][number]): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(4, data, true);
  return bytes;
}
