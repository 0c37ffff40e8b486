import type { FieldReader } from './field-reader.js';
import type { Fields } from './frame.js';

/** Which process the images are of. */
export interface TargetIdentity {
  pid: number;
  comm: string;
  exe: string;
  /** clock ticks after boot, as in `/proc/PID/stat` */
  startTime: number;
}

/** Takes the field `target`. */
export function readTarget(reader: FieldReader): TargetIdentity {
  const target: Fields = reader.map('target');
  const fields = reader.inner(target);
  fields.count('pid');
  fields.string('comm');
  fields.string('exe');
  fields.count('startTime');
  return target as unknown as TargetIdentity;
}
