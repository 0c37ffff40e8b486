import type { FieldReader } from '../image/field-reader.js';

/** Which file it is, and how it was at the dump. */
export interface FileIdentity {
  path: string;
  size: number;
  mtimeNs: bigint;
  inode: number;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readFileIdentity(reader: FieldReader): FileIdentity {
  return {
    path: reader.string('path'),
    size: reader.count('size'),
    mtimeNs: reader.word('mtimeNs'),
    inode: reader.count('inode'),
  };
}
