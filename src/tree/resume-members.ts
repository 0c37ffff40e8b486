import { ImageError, TargetError } from '../errors.js';
import { type ImageDirectory, layoutAt, type MemberRecord } from '../image/index.js';
import type { Device } from '../kernel/device.js';
import type { Session } from '../kernel/session.js';
import { isSameProcess, type Members, type MembersOptions } from './members.js';
import { isGoneError, TreeMember } from './tree-member.js';

/**
 * Takes control of the members that the last round of the images has and that live.
 * @throws TargetError `NOT_TRACKED` where none is left
 */
export function resumeMembers(
  device: Device,
  images: ImageDirectory,
  members: Members,
  { signal, onProgress }: Pick<MembersOptions, 'signal' | 'onProgress'>,
): void {
  for (const record of images.last?.members ?? []) {
    const { member, target, parent, parentPid, sessionId } = record;
    const { pid } = target;
    const session = openSession(device, record);
    if (!session) {
      members.noteEnded(member, target, members.noteFormer(target, sessionId));
      continue;
    }
    const context = { pid, session, target, parentPid, member, signal, onProgress };
    const resumed = new TreeMember(context, parent, null);
    resumed.names = layoutAt(images.rounds, member);
    resumed.firstRound = images.last?.number;
    if (isCurrent(session, record)) resumed.previous = { vmas: resumed.names };
    members.add(resumed);
  }
  if (members.all.length === 0) throw notTracked(images.path);
}

/** Return: nothing where it has ended, or called exec. */
function openSession(device: Device, record: MemberRecord): Session | undefined {
  if (!isSameProcess(record.target)) return undefined;
  try {
    return openSameSession(device, record);
  } catch (error) {
    // It is exiting.
    if (isGoneError(error)) return undefined;
    throw error;
  }
}

function openSameSession(device: Device, record: MemberRecord): Session | undefined {
  const { pid } = record.target;
  const status = device.status(pid);
  if (!status) return undefined;
  if (status.id !== record.sessionId)
    throw new ImageError(
      'IMAGES_OTHER_SESSION',
      `the images are of an earlier session of pid ${pid}, which has ended: name the directory ` +
        'that was given to the last tracker start',
      { facts: { pid } },
    );
  return device.openSession(pid);
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
