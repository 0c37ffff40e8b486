import type { FileHandler } from './file-handler.js';

/** What the caller says he is going to hand in at the restore (`--external`). */
export const inheritedFiles: FileHandler = {
  matches: ({ fd }, { external }) => external.has(fd),
  isOutside: true,
  collect: ({ link }) => ({ kind: 'inherited', what: link }),
};
