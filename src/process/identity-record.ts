import type { FieldReader } from '../image/field-reader.js';

/** Who a process is among others, and what it may do. */
export interface IdentityRecord {
  pid: number;
  processGroup: number;
  session: number;
  umask: number;
  cwd: string;
  root: string;
  personality: number;
  /** PR_SET_DUMPABLE */
  dumpable: number;
  isSubreaper: boolean;
  oomScoreAdj: number;
  /** soft and hard limit of each resource, by its number; all bits set: none */
  limits: bigint[];
  /** as in `/proc/PID/cgroup`, noted for people: the restored process is in its starter's */
  cgroup: string;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readIdentity(reader: FieldReader): IdentityRecord {
  return {
    pid: reader.count('pid'),
    processGroup: reader.count('processGroup'),
    session: reader.count('session'),
    umask: reader.count('umask'),
    cwd: reader.string('cwd'),
    root: reader.string('root'),
    personality: reader.count('personality'),
    dumpable: reader.count('dumpable'),
    isSubreaper: reader.boolean('isSubreaper'),
    oomScoreAdj: reader.integer('oomScoreAdj'),
    limits: readLimits(reader),
    cgroup: reader.string('cgroup'),
  };
}

function readLimits(reader: FieldReader): bigint[] {
  const bytes = reader.bytes('limits');
  if (bytes.byteLength % 16 !== 0) reader.fail('field limits is no list of pairs');
  return [...new BigUint64Array(new Uint8Array(bytes).buffer)];
}
