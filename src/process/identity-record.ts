import type { FieldReader } from '../image/field-reader.js';

/** A child that has ended, and which its parent has not collected yet. */
export interface ZombieRecord {
  pid: number;
  processGroup: number;
  session: number;
  /** as wait has it: the signal in the low seven bits, the exit code above the low byte */
  status: number;
  /** up to 15 bytes */
  name: string;
  /** clock ticks after boot */
  startTime: number;
}

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
  /** of a process that was dumped with its tree; absent where there are none */
  zombies?: ZombieRecord[];
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
    ...(reader.has('zombies')
      ? { zombies: reader.maps('zombies').map((each) => readZombie(reader.inner(each, 'zombie'))) }
      : {}),
  };
}

function readZombie(reader: FieldReader): ZombieRecord {
  return {
    pid: reader.count('pid'),
    processGroup: reader.count('processGroup'),
    session: reader.count('session'),
    status: reader.count('status'),
    name: reader.string('name'),
    startTime: reader.count('startTime'),
  };
}

function readLimits(reader: FieldReader): bigint[] {
  const bytes = reader.bytes('limits');
  if (bytes.byteLength % 16 !== 0) reader.fail('field limits is no list of pairs');
  return [...new BigUint64Array(new Uint8Array(bytes).buffer)];
}
