import { FieldReader } from '../image/field-reader.js';
import type { Fields } from '../image/frame.js';
import { type FilesRecord, readFiles } from './file-record.js';
import { type IdentityRecord, readIdentity } from './identity-record.js';
import { type MemoryRecord, readMemory } from './memory-record.js';
import { readSignals, type SignalRecord } from './signal-record.js';
import { readThread, type ThreadRecord } from './thread-record.js';
import { readTimers, type TimerRecord } from './timer-record.js';

/**
 * A process without the content of its memory: field `process` of a member record
 * (docs/image-format.md). Each part is a file of its own here, in `dump/process/` and in
 * `restore/plan/`.
 */
export interface ProcessRecord {
  identity: IdentityRecord;
  memory: MemoryRecord;
  signals: SignalRecord;
  /** the first one is the process' first thread */
  threads: ThreadRecord[];
  files: FilesRecord;
  timers: TimerRecord;
}

/** The fields as they are stored. */
export function encodeProcess({ identity, ...record }: ProcessRecord): Fields {
  const limits = new Uint8Array(BigUint64Array.from(identity.limits).buffer);
  return { ...record, identity: { ...identity, limits } };
}

/**
 * Checks the types of all fields, and that the parts fit together.
 * @param name of the file and member, for messages
 * @throws ImageError `IMAGES_DAMAGED`
 */
export function readProcess(fields: Fields, name: string): ProcessRecord {
  const reader = new FieldReader(fields, name);
  const part = (field: string) => reader.inner(reader.map(field), field);
  const record = {
    identity: readIdentity(part('identity')),
    memory: readMemory(part('memory')),
    signals: readSignals(part('signals')),
    threads: reader
      .maps('threads')
      .map((thread, i) => readThread(reader.inner(thread, `thread ${i}`))),
    files: readFiles(part('files')),
    timers: readTimers(part('timers')),
  };
  checkThreads(record, reader);
  return record;
}

function checkThreads({ threads, identity }: ProcessRecord, reader: FieldReader): void {
  if (threads[0]?.tid !== identity.pid) reader.fail(`the first thread is not ${identity.pid}`);
  const tids = new Set(threads.map(({ tid }) => tid));
  if (tids.size !== threads.length) reader.fail('two threads have one id');
}
