import { readFileSync, readlinkSync } from 'node:fs';
import { readStat } from '../../proc/stat.js';
import { readStatus } from '../../proc/status.js';
import type { IdentityRecord } from '../../process/identity-record.js';
import type { RemoteTarget } from './remote-target.js';

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
  const { processGroup, session } = readStat(pid);
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
    limits: parseLimits(read('limits')),
    cgroup: read('cgroup'),
  };
}

/** Columns of `/proc/PID/limits`: name, soft limit, hard limit. Its lines are in the resources' order. */
const limitLine = /^Max .{21} (\S+) +(\S+)/gm;
const noLimit = (1n << 64n) - 1n;

/** Soft and hard limit by number of the resource. */
export function parseLimits(text: string): bigint[] {
  return [...text.matchAll(limitLine)].flatMap(([, soft = '', hard = '']) =>
    [soft, hard].map((limit) => (limit === 'unlimited' ? noLimit : BigInt(limit))),
  );
}
