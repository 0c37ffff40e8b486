import type { FieldReader } from '../image/field-reader.js';

/** Whose locks they are: the process', the open file's by range, the open file's as a whole. */
export const lockKinds = ['posix', 'ofd', 'flock'] as const;

/** A lock that is held by an open file, or by the process through it. */
export interface FileLock {
  kind: (typeof lockKinds)[number];
  /** nobody else may have one, or read locks only */
  isExclusive: boolean;
  /** bytes from `start` up to `end`, null for all that there will be; of an flock 0 and null */
  start: number;
  end: number | null;
}

/** Who gets signals about an open file. */
export interface FileOwner {
  /** F_OWNER_TID 0, F_OWNER_PID 1, F_OWNER_PGRP 2 */
  type: number;
  /** 0 for nobody */
  id: number;
  /** by F_SETSIG; 0 for SIGIO */
  signal: number;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readLock(reader: FieldReader): FileLock {
  const kind = reader.string('kind');
  const known = lockKinds.find((each) => each === kind);
  return {
    kind: known ?? reader.fail(`a lock of the unknown kind ${kind}`),
    isExclusive: reader.boolean('isExclusive'),
    start: reader.count('start'),
    end: reader.countOrNull('end'),
  };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readOwner(reader: FieldReader): FileOwner {
  return {
    type: reader.count('type'),
    id: reader.count('id'),
    signal: reader.count('signal'),
  };
}
