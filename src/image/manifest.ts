import { PAGE_SIZE } from './page.js';
import { FieldReader } from './field-reader.js';
import { decodeFrame, encodeFrame, type Fields } from './frame.js';
import type { TargetIdentity } from './target-identity.js';

/** What is true of a whole images directory. */
export interface Manifest {
  /** random; every round names it */
  id: string;
  /** ISO 8601 */
  created: string;
  target: TargetIdentity;
  /** fields of a later minor revision, kept as they are */
  unknownFields: Fields;
}

export function encodeManifest({ unknownFields, ...manifest }: Manifest): Buffer {
  return encodeFrame('TRKMANIF', { ...unknownFields, pageSize: PAGE_SIZE, ...manifest });
}

/** @throws ImageError `IMAGES_DAMAGED` or `IMAGES_NEWER` */
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

/** Takes the field `target`. */
export function readTarget(reader: FieldReader): TargetIdentity {
  const target = reader.map('target');
  const fields = new FieldReader(target, reader.name);
  fields.count('pid');
  fields.string('comm');
  fields.string('exe');
  fields.count('startTime');
  return target as unknown as TargetIdentity;
}
