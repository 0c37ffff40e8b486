import { ImageError, isSystemError } from '../errors.js';

const ADVICE: Record<string, string> = {
  ENOSPC: 'make room or choose a directory on another file system',
  EDQUOT: 'raise the quota or choose a directory on another file system',
  EFBIG: 'raise the limit on file sizes',
  EROFS: 'choose a directory on a file system that can be written',
  EACCES: 'choose a directory that you may write to',
  EPERM: 'choose a directory that you may write to',
};

/**
 * Turns a failed write into an ImageError (`IMAGES_NO_SPACE` or
 * `IMAGES_WRITE_FAILED`) that says what was being done (`doing`), to which file,
 * and what to do. Other errors come back as they are.
 */
export function toWriteError(error: unknown, doing: string, file: string): unknown {
  if (!isSystemError(error)) return error;
  const isFull = error.code === 'ENOSPC' || error.code === 'EDQUOT';
  const advice = ADVICE[error.code] ?? 'check the file system and repeat';
  return new ImageError(
    isFull ? 'IMAGES_NO_SPACE' : 'IMAGES_WRITE_FAILED',
    `${doing}: cannot write ${file} (${error.code}); nothing of it was kept: ${advice}`,
    { cause: error, facts: { file, errno: error.code } },
  );
}
