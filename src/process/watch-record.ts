import type { FieldReader } from '../image/field-reader.js';

/** What an inotify descriptor watches. */
export interface Watch {
  /** its number, by which events name it */
  wd: number;
  path: string;
  inode: number;
  /** IN_* as for `inotify_add_watch` */
  mask: number;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readWatch(reader: FieldReader): Watch {
  return {
    wd: reader.count('wd'),
    path: reader.string('path'),
    inode: reader.count('inode'),
    mask: reader.count('mask'),
  };
}
