import { readFileSync, readlinkSync } from 'node:fs';
import { readStatus } from '../../proc/status.js';
import type { IdentityRecord } from '../../process/identity-record.js';
import type { RemoteTarget, TargetCall } from './remote-target.js';

const nrLimits = 16;
const limitBytes = 16;
const prctl = { getDumpable: 3, getChildSubreaper: 37 } as const;

/** Who the process is among others, and what it may do. */
export function collectIdentity(target: RemoteTarget): IdentityRecord {
  const { pid } = target;
  const [tid = pid] = target.tids;
  const [dumpable = 0] = target.mustCall(tid, [
    ['prctl', prctl.getDumpable],
    ['prctl', prctl.getChildSubreaper, target.scratch],
  ]);
  const isSubreaper = target.answer(0, 4).readInt32LE() !== 0;
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8').trimEnd();
  const [processGroup = 0, session = 0] = groupAndSession(read('stat'));
  return {
    pid,
    processGroup,
    session,
    umask: readStatus(String(pid)).number('Umask', 8),
    cwd: readlinkSync(`/proc/${pid}/cwd`),
    root: readlinkSync(`/proc/${pid}/root`),
    personality: parseInt(read('personality'), 16),
    dumpable,
    isSubreaper,
    oomScoreAdj: Number(read('oom_score_adj')),
    limits: limitsOf(target, tid),
    cgroup: read('cgroup'),
  };
}

/** Asked by itself: those of another user's process are not for everybody. */
function limitsOf(target: RemoteTarget, tid: number): bigint[] {
  const calls = Array.from({ length: nrLimits }, (_, resource): TargetCall => [
    'prlimit64',
    0,
    resource,
    0,
    target.scratch + resource * limitBytes,
  ]);
  target.mustCall(tid, calls);
  const bytes = target.answer(0, nrLimits * limitBytes);
  return [...new BigUint64Array(new Uint8Array(bytes).buffer)];
}

function groupAndSession(stat: string): number[] {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[2]), Number(fields[3])];
}
