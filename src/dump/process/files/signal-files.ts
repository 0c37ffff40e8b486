import type { FileHandler } from './file-handler.js';

/** Descriptors by signalfd. */
export const signalFiles: FileHandler = {
  matches: ({ link }) => link === 'anon_inode:[signalfd]',
  isSharable: true,
  collect: ({ info }) => ({
    kind: 'signalfd',
    mask: BigInt(`0x${/^sigmask:\s*([0-9a-f]+)$/m.exec(info)?.[1] ?? '0'}`),
  }),
};
