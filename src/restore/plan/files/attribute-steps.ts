import type { OpenFileRecord } from '../../../process/file-record.js';
import type { FileLock } from '../../../process/lock-record.js';
import { ASYNCHRONOUS, fcntl, SETTABLE_FLAGS } from '../constants.js';
import { call, int32s, type Step } from '../step.js';

const withoutSignals = SETTABLE_FLAGS & ~ASYNCHRONOUS;
const flock = { shared: 1, exclusive: 2, nonBlocking: 4 } as const;
const lockType = { read: 0, write: 1 } as const;

/**
 * Takes locks. When no descriptor is going to be closed any more: the process' locks on a file end
 * with the first one of it that is.
 */
export function lockSteps({ locks = [] }: OpenFileRecord, fd: number): Step[] {
  return locks.map((lock) => {
    const about = `${lock.kind} lock by fd ${fd}`;
    const taken = `a lock on what its fd ${fd} has open`;
    if (lock.kind === 'flock') {
      const operation = (lock.isExclusive ? flock.exclusive : flock.shared) | flock.nonBlocking;
      return call('flock', [fd, operation], about, { taken });
    }
    const command = lock.kind === 'ofd' ? fcntl.setOpenFileLock : fcntl.setLock;
    return call('fcntl', [fd, command, { bytes: rangeBytes(lock) }], about, { taken });
  });
}

/**
 * Says who gets the signals of an open file: when there are all threads, with their rights. The
 * signals carry the number of the descriptor by which they are asked for.
 */
export function ownerSteps({ owner, flags }: OpenFileRecord, fd: number): Step[] {
  const about = `signals of fd ${fd}`;
  const { type, id, signal } = owner ?? { type: 0, id: 0, signal: 0 };
  const bytes = int32s(type, id);
  const setFlags = (kept: number) => call('fcntl', [fd, fcntl.setFlags, flags & kept], about);
  const isAsked = (flags & ASYNCHRONOUS) !== 0;
  return [
    ...(isAsked ? [withoutSignals, SETTABLE_FLAGS].map(setFlags) : []),
    ...(id === 0 ? [] : [call('fcntl', [fd, fcntl.setOwner, { bytes }], about)]),
    ...(signal === 0 ? [] : [call('fcntl', [fd, fcntl.setSignal, signal], about)]),
  ];
}

/** `struct flock`, from the beginning of the file. */
function rangeBytes({ isExclusive, start, end }: FileLock): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, isExclusive ? lockType.write : lockType.read, true);
  view.setBigInt64(8, BigInt(start), true);
  view.setBigInt64(16, end === null ? 0n : BigInt(end - start), true);
  return bytes;
}
