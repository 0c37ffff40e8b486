import type { EpollEntry } from '../../../process/file-record.js';
import type { FileContext, FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';

/** Counters by eventfd. */
export const eventfds: FileHandler = {
  matches: ({ link }) => link === 'anon_inode:[eventfd]',
  isSharable: true,
  collect: ({ info }) => ({
    kind: 'eventfd',
    count: BigInt(`0x${/^eventfd-count:\s*([0-9a-f]+)$/m.exec(info)?.[1] ?? '0'}`),
    // Linux 6.1 does not tell.
    isSemaphore: /^eventfd-semaphore:\s*1$/m.test(info),
  }),
};

/** Sets of descriptors to wait for by epoll. */
export const epolls: FileHandler = {
  matches: ({ link }) => link === 'anon_inode:[eventpoll]',
  refusal: (descriptor, context) => {
    const lost = entriesOf(descriptor).find((entry) => !isKnown(entry, descriptor, context));
    return lost && `epoll set with fd ${lost.fd}, which it has closed or has something else at now`;
  },
  collect: (descriptor) => ({ kind: 'epoll', entries: entriesOf(descriptor) }),
};

const entryLine = /^tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+) .*ino:([0-9a-f]+)/gm;

function entriesOf({ info }: OpenDescriptor): EpollEntry[] {
  return [...info.matchAll(entryLine)].map(([, fd, events = '0', data = '0']) => ({
    fd: Number(fd),
    events: parseInt(events, 16),
    data: BigInt(`0x${data}`),
  }));
}

/** An entry stays in the set as long as anybody has its file open, at whatever number. */
function isKnown(entry: EpollEntry, epoll: OpenDescriptor, { descriptors }: FileContext): boolean {
  const inode = [...epoll.info.matchAll(entryLine)].find(([, fd]) => Number(fd) === entry.fd)?.[4];
  const found = descriptors.find(({ fd }) => fd === entry.fd);
  return found !== undefined && found.stat.ino === parseInt(inode ?? '', 16);
}
