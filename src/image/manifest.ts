import { PAGE_SIZE } from './page.js';
import { FieldReader } from './field-reader.js';
import { decodeFrame, encodeFrame, type Fields } from './frame.js';
import { readTarget, type TargetIdentity } from './target-identity.js';

/** What is true of a whole images directory. */
export interface Manifest {
  /** random; every round names it */
  id: string;
  /** ISO 8601 */
  created: string;
  /** the first member when the directory was made */
  target: TargetIdentity;
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeManifest({ unknownFields, ...manifest }: Manifest): Buffer {
  return encodeFrame('TRKMANIF', { ...unknownFields, pageSize: PAGE_SIZE, ...manifest });
}

/** @throws ImageError `IMAGES_DAMAGED`, `IMAGES_NEWER` or `IMAGES_OLDER` */
export function decodeManifest(bytes: Buffer, name: string): Manifest {
  const reader = new FieldReader(decodeFrame('TRKMANIF', bytes, name), name);
  const pageSize = reader.count('pageSize');
  if (pageSize !== PAGE_SIZE) reader.fail(`its pages have ${pageSize} bytes, not ${PAGE_SIZE}`);
  return {
    id: reader.string('id'),
    created: reader.string('created'),
    target: readTarget(reader),
    unknownFields: reader.rest(),
  };
}
