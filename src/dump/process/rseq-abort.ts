import type { ThreadRecord } from '../../process/thread-record.js';
import type { RemoteTarget } from './remote-target.js';

/** Where the address of the critical section's description is in a `struct rseq`. */
const csOffset = 8;
const csBytes = 32;
const ripOffset = 128;

type Thread = Pick<ThreadRecord, 'registers' | 'rseqAddress'>;

/**
 * Where a thread that stands inside of a restartable sequence has to go on: at its abort handler. The
 * kernel does that when a thread goes on itself, but it does not know of the sequence after a restore.
 */
export function abortSequence(target: RemoteTarget, thread: Thread): Uint8Array {
  const { registers, rseqAddress } = thread;
  if (rseqAddress === 0) return registers;
  const section = addressAt(target.read(rseqAddress + csOffset, 8), 0);
  if (section === 0) return registers;
  const description = target.read(section, csBytes);
  if (description.length < csBytes) return registers;
  const [start, length, abort] = [8, 16, 24].map((offset) => description.readBigUInt64LE(offset));
  const rip = new DataView(registers.buffer, registers.byteOffset).getBigUint64(ripOffset, true);
  if (start === undefined || length === undefined || abort === undefined) return registers;
  if (rip < start || rip - start >= length) return registers;
  const aborted = new Uint8Array(registers);
  new DataView(aborted.buffer).setBigUint64(ripOffset, abort, true);
  return aborted;
}

function addressAt(bytes: Buffer, offset: number): number {
  return bytes.length < offset + 8 ? 0 : Number(bytes.readBigUInt64LE(offset));
}
