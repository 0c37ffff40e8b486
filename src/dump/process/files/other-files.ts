import type { FileHandler } from './file-handler.js';

/** Whatever no other handler of the table has: refused, by what procfs calls it. */
export const otherFiles: FileHandler = {
  matches: () => true,
  refusal: ({ link, isDeleted }) => (isDeleted ? `deleted file ${link}` : link),
  collect: ({ link }) => ({ kind: 'inherited', what: link }),
};
