import { type AddWatchesStep, call } from './plan/step.js';
import type { Stub } from './stub.js';

/** IN_DELETE_SELF: of what is watched for the number alone, that is all that is said. */
const quiet = 0x400;
/** IN_DONT_FOLLOW */
const dontFollow = 0x02000000;
const eventBytes = 16;
/** Events that a queue holds at least, whatever the limit is set to. */
const maxQueued = 256;
const always = '/';

/** What runs the calls. */
export type WatchAdder = Pick<Stub, 'call'>;

/**
 * Adds watches with the numbers that they had. The kernel counts up from 1: watches are added and
 * removed until it comes there, and what it says about each that is removed is read away. Only then
 * they watch for what they shall, so that nothing else is read away.
 * @throws TargetError `RESTORE_CALL`
 */
export function addWatches(stub: WatchAdder, { fd, watches }: AddWatchesStep): void {
  let next = 1;
  for (const { wd, path, mask } of watches) {
    next = countUp(stub, fd, next, wd);
    add(stub, fd, path, quiet | (mask & dontFollow), wd);
    next++;
  }
  for (const { wd, path, mask } of watches) add(stub, fd, path, mask, wd);
}

function countUp(stub: WatchAdder, fd: number, from: number, to: number): number {
  let next = from;
  while (next < to) {
    const end = Math.min(to, next + maxQueued);
    const length = (end - next) * eventBytes;
    for (; next < end; next++) {
      add(stub, fd, always, quiet, next);
      stub.call(call('inotify_rm_watch', [fd, next], `inotify, fd ${fd}`));
    }
    const buffer = { bytes: new Uint8Array(length) };
    stub.call(call('read', [fd, buffer, length], `inotify, fd ${fd}`, { expect: length }));
  }
  return next;
}

function add(stub: WatchAdder, fd: number, path: string, mask: number, wd: number): void {
  const args = [fd, { text: path }, mask];
  stub.call(call('inotify_add_watch', args, `inotify, fd ${fd}: ${path}`, { expect: wd }));
}
