import { ImageError } from '../../errors.js';

/** Of a tree that cannot be restored, before anything is started. */
export function notRestorable(pid: number, what: string): ImageError {
  return new ImageError('TREE_NOT_RESTORABLE', `cannot restore pid ${pid} with its tree: ${what}`, {
    facts: { pid },
  });
}
