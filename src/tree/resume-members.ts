import { ImageError, TargetError } from '../errors.js';
import { type ImageDirectory, layoutAt, type MemberRecord } from '../image/index.js';
import type { Device } from '../kernel/device.js';
import type { Session } from '../kernel/session.js';
import { isSameProcess, type Members } from './members.js';
import { isGoneError, TreeMember } from './tree-member.js';
import { decodeUnstored } from './unstored.js';

/**
 * Takes control of the members that the last round of the images has and that live.
 * @throws TargetError `NOT_TRACKED` where none is left, and nobody who would be one; ImageError
 *   `IMAGES_OTHER_SESSION` where all are tracked anew
 */
export function resumeMembers(device: Device, images: ImageDirectory, members: Members): void {
  const { signal, onProgress } = members.options;
  const { last } = images;
  members.wasStopped = last?.isFrozen ?? false;
  rememberFormer(images, members);
  let other: number | undefined;
  for (const record of last?.members ?? []) {
    const { member, target, parent, parentPid, sessionId } = record;
    const { pid } = target;
    const session = openSession(device, record);
    if (!session || session === 'other') {
      if (session) other = pid;
      members.noteEnded(member, target, members.noteFormer(target, sessionId));
      continue;
    }
    const context = { pid, session, target, parentPid, member, signal, onProgress };
    const resumed = new TreeMember(context, parent, null);
    resumed.names = layoutAt(images.rounds, member);
    resumed.firstRound = last?.number;
    if (isCurrent(session, record)) resumed.previous = { vmas: resumed.names };
    members.add(resumed);
  }
  if (members.first || canGoOn(device, images, members)) return;
  throw other === undefined ? notTracked(images.path) : otherSession(other);
}

/** Of those that are members no more, children may be found, and they themselves after an exec. */
function rememberFormer({ rounds }: ImageDirectory, members: Members): void {
  const known = new Set<string | null>();
  for (const round of rounds)
    for (const { target, sessionId } of round.members) {
      if (known.has(sessionId)) continue;
      known.add(sessionId);
      members.addFormer(target, sessionId);
    }
  for (const { unknownFields } of rounds)
    for (const former of decodeUnstored(unknownFields)) members.addFormer(former, former.sessionId);
}

/**
 * Whether there are processes to go on with although no member of the last round lives: a controller
 * that has died has swapped and not stored them, or they are children of members, or members that
 * have called exec.
 */
function canGoOn(device: Device, { last }: ImageDirectory, { candidates }: Members): boolean {
  const { candidates: found } = candidates.find(new Map(), false);
  if (last && !last.isFrozen) return found.length > 0;
  return found.some(({ pid }) => {
    try {
      return device.status(pid)?.committed === 0;
    } catch (error) {
      if (isGoneError(error)) return false;
      throw error;
    }
  });
}

/** Return: nothing where it has ended, or called exec; `other` where it is tracked anew since. */
function openSession(device: Device, record: MemberRecord): Session | 'other' | undefined {
  const { target, sessionId } = record;
  if (!isSameProcess(target)) return undefined;
  try {
    const status = device.status(target.pid);
    if (!status) return undefined;
    return status.id === sessionId ? device.openSession(target.pid) : 'other';
  } catch (error) {
    // It is exiting.
    if (isGoneError(error)) return undefined;
    throw error;
  }
}

/** Whether the next round can build on the last one: a later harvest may be stored elsewhere. */
function isCurrent(session: Session, { epoch }: MemberRecord): boolean {
  const { committed, epoch: last } = session.status();
  return committed <= epoch && epoch <= last;
}

function notTracked(images: string): TargetError {
  return new TargetError(
    'NOT_TRACKED',
    `no process of ${images} is tracked any more; begin with tracker start, and a new directory`,
    { facts: { images } },
  );
}

function otherSession(pid: number): ImageError {
  return new ImageError(
    'IMAGES_OTHER_SESSION',
    `the images are of an earlier session of pid ${pid}, which has ended: name the directory ` +
      'that was given to the last tracker start',
    { facts: { pid } },
  );
}
