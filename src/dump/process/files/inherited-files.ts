import type { FileHandler } from './file-handler.js';

const standardStreams = 3;
/** Majors of terminals: tty and console, pseudo-terminals. */
const isTerminalMajor = (major: number) =>
  major === 4 || major === 5 || (major >= 136 && major < 144);

/**
 * What the process has in common with the world outside: a terminal on the standard streams, and what
 * the caller says he is going to hand in at the restore (`--external`).
 */
export const inheritedFiles: FileHandler = {
  matches: ({ fd, stat }, { external }) =>
    external.has(fd) ||
    (fd < standardStreams && stat.isCharacterDevice() && isTerminalMajor(stat.rdev >> 8)),
  collect: ({ link }) => ({ kind: 'inherited', what: link }),
};
