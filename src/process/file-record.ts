import type { FieldReader } from '../image/field-reader.js';
import { type FileIdentity, readFileIdentity } from './file-identity.js';
import { type FileLock, type FileOwner, readLock, readOwner } from './lock-record.js';
import {
  type InetSocket,
  readInetSocket,
  readUnixSocket,
  type UnixSocket,
} from './socket-record.js';
import {
  type OuterTerminal,
  type PtyMaster,
  readOuterTerminal,
  readPtyMaster,
} from './terminal-record.js';
import { readWatch, type Watch } from './watch-record.js';

/** A descriptor: a number that stands for an open file. */
export interface DescriptorRecord {
  fd: number;
  /** `id` of the open file */
  file: number;
  closeOnExec: boolean;
}

/** What every open file has. Descriptors that share it share its offset and flags. */
interface OpenFileBase {
  id: number;
  /** O_* as `fcntl(F_GETFL)` has them */
  flags: number;
  /** of a tree: a number that this very open file has in each member; absent where one alone has it */
  shared?: number;
  /** absent where there are none */
  locks?: FileLock[];
  /** absent where nobody has been named */
  owner?: FileOwner;
}

/** A regular file, by its path. */
export interface RegularFile extends OpenFileBase {
  kind: 'regular';
  offset: number;
  file: FileIdentity;
}

/** A directory, opened anew by its path. */
export interface DirectoryFile extends OpenFileBase {
  kind: 'directory';
  path: string;
  offset: number;
}

/** A device that holds nothing, such as `/dev/null`, opened anew by its path. */
export interface DeviceFile extends OpenFileBase {
  kind: 'device';
  path: string;
}

/** A file that the kernel writes while it is read, as in procfs, opened anew by its path. */
export interface KernelFile extends OpenFileBase {
  kind: 'kernel';
  path: string;
  offset: number;
}

/** What the one who restores has to hand in: a terminal, or what was named at the dump. */
export interface InheritedFile extends OpenFileBase {
  kind: 'inherited';
  /** what it was, as in `/proc/PID/fd` */
  what: string;
}

/** An end of a pipe, which `flags` says whether it reads or writes. */
export interface PipeFile extends OpenFileBase {
  kind: 'pipe';
  /** a number that all open files of the pipe have */
  pipe: number;
  /** bytes that fit in, and what is in it: of one open file; of the others 0 and nothing */
  capacity: number;
  content: Uint8Array;
}

/** A named pipe, opened anew by its path. */
export interface FifoFile extends OpenFileBase {
  kind: 'fifo';
  path: string;
  inode: number;
  /** a reader whose last writer has gone */
  isHungUp: boolean;
  /** of the first open file of a FIFO; of the others, and of one by O_PATH, 0 and nothing */
  capacity: number;
  content: Uint8Array;
}

/** The master of a pseudo-terminal. */
export interface PtyMasterFile extends OpenFileBase, PtyMaster {
  kind: 'pty-master';
}

/** The slave of a pseudo-terminal whose master the process has, too. */
export interface PtySlaveFile extends OpenFileBase {
  kind: 'pty-slave';
  index: number;
}

/** A terminal that whoever restores has another one for, or `/dev/tty`. */
export interface TerminalFile extends OpenFileBase {
  kind: 'terminal';
  path: string;
}

/** A counter made by eventfd. */
export interface EventFile extends OpenFileBase {
  kind: 'eventfd';
  count: bigint;
  isSemaphore: boolean;
}

/** What an epoll set waits for. */
export interface EpollEntry {
  fd: number;
  events: number;
  data: bigint;
}

/** A set of descriptors to wait for. */
export interface EpollFile extends OpenFileBase {
  kind: 'epoll';
  entries: EpollEntry[];
}

/** A timer made by timerfd_create. */
export interface TimerFile extends OpenFileBase {
  kind: 'timerfd';
  clock: number;
  /** TFD_TIMER_* of `timerfd_settime`; with TFD_TIMER_ABSTIME, `nextNs` is a time of the clock */
  setFlags: number;
  intervalNs: bigint;
  /** time until it goes off, 0 where it does not */
  nextNs: bigint;
  /** how often it has gone off since it was read */
  ticks: bigint;
}

/** A descriptor made by signalfd. */
export interface SignalFile extends OpenFileBase {
  kind: 'signalfd';
  /** bit 0 is signal 1 */
  mask: bigint;
}

/** A descriptor made by inotify_init. */
export interface InotifyFile extends OpenFileBase {
  kind: 'inotify';
  /** by their numbers */
  watches: Watch[];
}

/** A file made by memfd_create. */
export interface MemoryFile extends OpenFileBase {
  kind: 'memfd';
  name: string;
  /** that of its mappings, in the VMA records, which have the content then */
  inode: number;
  size: number;
  offset: number;
  /** F_SEAL_* */
  seals: number;
  content: Uint8Array;
}

/** A regular file without a name. */
export interface DeletedFile extends OpenFileBase {
  kind: 'deleted';
  /** the name that it had */
  path: string;
  size: number;
  offset: number;
  mode: number;
  uid: number;
  gid: number;
  content: Uint8Array;
}

/** A TCP socket that is not connected, or a UDP one. */
export interface InetSocketFile extends OpenFileBase, InetSocket {
  kind: 'inet-socket';
}

/** A unix socket: alone, or one of a pair. */
export interface UnixSocketFile extends OpenFileBase, UnixSocket {
  kind: 'unix-socket';
}

export type OpenFileRecord =
  | RegularFile
  | DirectoryFile
  | DeviceFile
  | KernelFile
  | InheritedFile
  | PipeFile
  | FifoFile
  | PtyMasterFile
  | PtySlaveFile
  | TerminalFile
  | EventFile
  | EpollFile
  | TimerFile
  | SignalFile
  | InotifyFile
  | MemoryFile
  | DeletedFile
  | InetSocketFile
  | UnixSocketFile;

/** The open files of a process. */
export interface FilesRecord {
  open: OpenFileRecord[];
  /** by number */
  descriptors: DescriptorRecord[];
  /** index of the process' own pty that is its controlling terminal; absent if none is */
  ownTerminal?: number;
  /** the terminal of the shell that it was a job of; absent if it was none */
  outerTerminal?: OuterTerminal;
}

type Readers = { [K in OpenFileRecord['kind']]: (reader: FieldReader) => object };

/** How the fields of each kind are read. A kind that is not here is one of a newer version. */
const readers: Readers = {
  regular: (reader) => ({
    offset: reader.count('offset'),
    file: readFileIdentity(reader.inner(reader.map('file'), 'file')),
  }),
  directory: (reader) => ({ path: reader.string('path'), offset: reader.count('offset') }),
  device: (reader) => ({ path: reader.string('path') }),
  kernel: (reader) => ({ path: reader.string('path'), offset: reader.count('offset') }),
  inherited: (reader) => ({ what: reader.string('what') }),
  pipe: (reader) => ({
    pipe: reader.count('pipe'),
    capacity: reader.count('capacity'),
    content: reader.bytes('content'),
  }),
  fifo: (reader) => ({
    path: reader.string('path'),
    inode: reader.count('inode'),
    isHungUp: reader.boolean('isHungUp'),
    capacity: reader.count('capacity'),
    content: reader.bytes('content'),
  }),
  'pty-master': readPtyMaster,
  'pty-slave': (reader) => ({ index: reader.count('index') }),
  terminal: (reader) => ({ path: reader.string('path') }),
  eventfd: (reader) => ({
    count: reader.word('count'),
    isSemaphore: reader.boolean('isSemaphore'),
  }),
  epoll: (reader) => ({
    entries: reader.maps('entries').map((fields) => readEntry(reader.inner(fields))),
  }),
  timerfd: (reader) => ({
    clock: reader.count('clock'),
    setFlags: reader.count('setFlags'),
    intervalNs: reader.word('intervalNs'),
    nextNs: reader.word('nextNs'),
    ticks: reader.word('ticks'),
  }),
  signalfd: (reader) => ({ mask: reader.word('mask') }),
  inotify: (reader) => ({
    watches: reader.maps('watches').map((fields) => readWatch(reader.inner(fields, 'watch'))),
  }),
  memfd: (reader) => ({
    name: reader.string('name'),
    inode: reader.count('inode'),
    size: reader.count('size'),
    offset: reader.count('offset'),
    seals: reader.count('seals'),
    content: reader.bytes('content'),
  }),
  deleted: (reader) => ({
    path: reader.string('path'),
    size: reader.count('size'),
    offset: reader.count('offset'),
    mode: reader.count('mode'),
    uid: reader.count('uid'),
    gid: reader.count('gid'),
    content: reader.bytes('content'),
  }),
  'inet-socket': readInetSocket,
  'unix-socket': readUnixSocket,
};

function readEntry(reader: FieldReader): EpollEntry {
  return {
    fd: reader.count('fd'),
    events: reader.count('events'),
    data: reader.word('data'),
  };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readFiles(reader: FieldReader): FilesRecord {
  const open = reader.maps('open').map((fields, i) => readOpen(reader.inner(fields, `file ${i}`)));
  const descriptors = reader
    .maps('descriptors')
    .map((fields, i) => readDescriptor(reader.inner(fields, `descriptor ${i}`)));
  checkReferences(open, descriptors, reader);
  return {
    open,
    descriptors,
    ...(reader.has('ownTerminal') ? { ownTerminal: reader.count('ownTerminal') } : {}),
    ...(reader.has('outerTerminal')
      ? { outerTerminal: readOuterTerminal(reader.inner(reader.map('outerTerminal'), 'terminal')) }
      : {}),
  };
}

function readOpen(reader: FieldReader): OpenFileRecord {
  const kind = reader.string('kind');
  const read = Object.hasOwn(readers, kind) ? readers[kind as keyof Readers] : undefined;
  if (!read) return reader.fail(`an open file of the unknown kind ${kind}`);
  const base = {
    kind,
    id: reader.count('id'),
    flags: reader.count('flags'),
    ...(reader.has('shared') ? { shared: reader.count('shared') } : {}),
    ...(reader.has('locks')
      ? { locks: reader.maps('locks').map((fields) => readLock(reader.inner(fields, 'lock'))) }
      : {}),
    ...(reader.has('owner')
      ? { owner: readOwner(reader.inner(reader.map('owner'), 'owner')) }
      : {}),
  };
  return { ...base, ...read(reader) } as OpenFileRecord;
}

function readDescriptor(reader: FieldReader): DescriptorRecord {
  return {
    fd: reader.count('fd'),
    file: reader.count('file'),
    closeOnExec: reader.boolean('closeOnExec'),
  };
}

function checkReferences(
  open: readonly OpenFileRecord[],
  descriptors: readonly DescriptorRecord[],
  reader: FieldReader,
): void {
  const ids = new Set(open.map(({ id }) => id));
  if (ids.size !== open.length) reader.fail('two open files have one id');
  let last = -1;
  for (const { fd, file } of descriptors) {
    if (fd <= last) reader.fail(`descriptor ${fd} is not in order`);
    if (!ids.has(file)) reader.fail(`descriptor ${fd} is of open file ${file}, which is not there`);
    last = fd;
  }
}
