import { TargetError, TrackerError } from '../../errors.js';
import { planImages } from '../../restore/restore.js';

/**
 * Plans the restore of a tree that has just been stored: nobody is ended who could not come back.
 * @param pid the root
 * @param external descriptors of it that the one who restores is going to hand in
 * @throws TargetError `NOT_DUMPABLE`
 */
export async function checkRestorable(
  pid: number,
  images: string,
  external: ReadonlySet<number>,
): Promise<void> {
  try {
    await planImages({ images, inherited: new Map([...external].map((fd) => [fd, fd])) });
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    throw new TargetError(
      'NOT_DUMPABLE',
      `cannot dump pid ${pid} and its tree, which runs on: there would be no way back: ${error.message}`,
      { cause: error, facts: { pid } },
    );
  }
}
