import { TargetError } from '../errors.js';
import { noSuchProcess } from '../proc/read-error.js';
import { checkTrackable } from '../proc/target.js';
import type { Members } from './members.js';
import type { Selection } from './selection.js';
import type { TreeMember } from './tree-member.js';
import { isOver, isUntrackable, withAdvice } from './untrackable.js';

/**
 * Refuses processes that were named and cannot be tracked, before anything is touched.
 * @throws TargetError as `checkTrackable`, unless those are to be left out
 */
export function checkRoots(members: Members, { roots, skipUntrackable }: Selection): void {
  for (const { pid } of roots) {
    try {
      checkTrackable(pid);
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      const mayBeLeftOut = isUntrackable(error) || isOver(error);
      if (!mayBeLeftOut) throw error;
      if (!skipUntrackable) throw withAdvice(error);
      const { code, message: reason } = error;
      members.noteSkipped({ pid, code, reason, isNewborn: false });
    }
  }
}

/**
 * Refuses to begin without a process that was named.
 * @returns the first member
 * @throws TargetError `NO_SUCH_PROCESS`, `NO_MEMBER` where there is nobody at all
 */
export function checkJoined(members: Members, { roots, cgroup }: Selection): TreeMember {
  const { skipped } = members;
  for (const { pid } of roots)
    if (!members.byPid(pid) && !skipped.some((process) => process.pid === pid))
      throw noSuchProcess(`track pid ${pid}`, pid);
  const [member] = members.all;
  if (member) return member;
  const [first, ...others] = skipped;
  const pids = roots.map(({ pid }) => pid).join(', ');
  const what = cgroup === null ? `pid ${pids}` : `cgroup ${cgroup}`;
  const why = first ? ` (${first.reason}${others.length > 0 ? ', and others' : ''})` : '';
  throw new TargetError(
    'NO_MEMBER',
    `cannot track ${what}: no process is there that can be tracked${why}`,
    { facts: { pids, cgroup: cgroup ?? '' } },
  );
}
