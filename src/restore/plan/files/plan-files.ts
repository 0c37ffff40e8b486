import type { DescriptorRecord, OpenFileRecord } from '../../../process/file-record.js';
import type { RestoreInput } from '../input.js';
import { fcntl } from '../constants.js';
import { call, type CheckStep, type Slot, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';
import { lockSteps, ownerSteps } from './attribute-steps.js';
import { epoll, eventfd } from './event-files.js';
import { inheritedFile, inheritedSlot } from './inherited-file.js';
import { deletedFile, keepMapped, memfd } from './nameless-files.js';
import { fifo } from './fifo.js';
import { inotify } from './inotify.js';
import { pipe } from './pipe.js';
import { ptyMaster, ptySlave } from './pty.js';
import { device, directory, kernelFile, regularFile } from './path-files.js';
import { resizeSteps, terminal } from './terminal.js';
import { signalfd, timerfd } from './timer-files.js';
import { inetSocket } from './inet-socket.js';
import { unixSocket } from './unix-socket.js';

type Planners = {
  [K in OpenFileRecord['kind']]: FilePlanner<Extract<OpenFileRecord, { kind: K }>>;
};

/** How each kind is made. */
const planners: Planners = {
  regular: regularFile,
  directory,
  device,
  kernel: kernelFile,
  inherited: inheritedFile,
  pipe,
  fifo,
  'pty-master': ptyMaster,
  'pty-slave': ptySlave,
  terminal,
  eventfd,
  epoll,
  timerfd,
  signalfd,
  inotify,
  memfd,
  deleted: deletedFile,
  'inet-socket': inetSocket,
  'unix-socket': unixSocket,
};

const closeOnExec = 0o2000000;

/** The steps that make a process' open files and descriptors. */
export interface PlannedFiles {
  checks: CheckStep[];
  /** first of all: what is handed in is put out of the way */
  firstSteps: Step[];
  /** when shared memory has been made, before that is closed */
  keepSteps: Step[];
  /** the files, by all of their descriptors */
  steps: Step[];
  /** when every descriptor is in its place */
  lateSteps: Step[];
  /** when no descriptor is going to be closed any more */
  lockSteps: Step[];
  /** when no other file is going to be touched any more */
  watchSteps: Step[];
  /** when all threads are there, with their rights */
  lastSteps: Step[];
}

/** Open files that somebody else has made, and that a process has got by fork. */
export interface InheritedFiles {
  /** the descriptors that it has them by, by their ids */
  numbers: ReadonlyMap<number, number>;
  /** which of them are its own affair: nobody before it has had them */
  own: ReadonlySet<number>;
  /** a number above all of those descriptors */
  above: number;
}

const none: InheritedFiles = { numbers: new Map(), own: new Set(), above: 0 };

/**
 * Each open file is made at whatever number, moved above all numbers that the process uses, and from
 * there duplicated to its descriptors.
 */
export function planFiles(input: RestoreInput, got: InheritedFiles = none): PlannedFiles {
  const { open, descriptors } = input.process.files;
  const numbers = [...descriptors.map(({ fd }) => fd), ...input.inherited.values()];
  const above = Math.max(2, got.above - 1, ...numbers) + 1;
  const named = new Set<string>();
  const isFirst = (name: string) => named.size < named.add(name).size;
  const common = { input, above, isFirst };
  const planned = open.map((file) => {
    const number = got.numbers.get(file.id);
    if (number === undefined) return planFile(file, common);
    return planInherited(file, number, got.own.has(file.id), input);
  });
  return {
    checks: planned.flatMap(({ checks }) => checks),
    firstSteps: moveInherited(input, above),
    keepSteps: keepMapped(input, above),
    steps: [...planned.flatMap(({ steps }) => steps), ...closeInherited(input)],
    lateSteps: planned.flatMap(({ lateSteps }) => lateSteps),
    lockSteps: planned.flatMap((file) => file.lockSteps),
    watchSteps: planned.flatMap(({ watchSteps }) => watchSteps),
    lastSteps: [...planned.flatMap(({ lastSteps }) => lastSteps), ...resizeSteps(input)],
  };
}

type OneFile = Omit<PlannedFiles, 'firstSteps' | 'keepSteps'>;

/** One open file, with what is planned for all of them in the same way. */
function planFile(
  file: OpenFileRecord,
  common: Pick<FilePlanContext, 'input' | 'above' | 'isFirst'>,
): OneFile {
  const own = descriptorsOf(file, common.input);
  const fds = own.map(({ fd }) => fd);
  const [fd = -1] = fds;
  const planner = planners[file.kind] as FilePlanner<OpenFileRecord>;
  const planned = planner(file, { ...common, fds, file: { slot: `file ${file.id}` } });
  const { checks = [], steps, lateSteps = [], watchSteps = [] } = planned;
  return {
    checks,
    steps: [...steps, ...placeSteps(file, own, common.above)],
    lateSteps,
    watchSteps,
    lockSteps: lockSteps(file, fd),
    lastSteps: ownerSteps(file, fd),
  };
}

/** Locks of a file can be taken again by it; those of a process are its own. */
function planInherited(
  file: OpenFileRecord,
  number: number,
  isOwn: boolean,
  input: RestoreInput,
): OneFile {
  const own = descriptorsOf(file, input);
  const [{ fd } = { fd: -1 }] = own;
  return {
    checks: [],
    steps: own.map((descriptor) => duplicate(number, descriptor, `open file ${file.id}`)),
    lateSteps: [],
    watchSteps: [],
    lockSteps: lockSteps(file, fd),
    lastSteps: isOwn ? ownerSteps(file, fd) : [],
  };
}

function descriptorsOf({ id }: OpenFileRecord, { process }: RestoreInput): DescriptorRecord[] {
  return process.files.descriptors.filter(({ file }) => file === id);
}

function placeSteps(
  { id }: OpenFileRecord,
  descriptors: readonly DescriptorRecord[],
  above: number,
): Step[] {
  const made = { slot: `file ${id}` };
  const high = { slot: `high file ${id}` };
  const about = `open file ${id}`;
  return [
    call('fcntl', [made, fcntl.duplicateFrom, above], about, { result: high.slot }),
    call('close', [made], about),
    ...descriptors.map((descriptor) => duplicate(high, descriptor, about)),
    call('close', [high], about),
  ];
}

function duplicate(from: Slot | number, to: DescriptorRecord, about: string): Step {
  const flags = to.closeOnExec ? closeOnExec : 0;
  return call('dup3', [from, to.fd, flags], about, { expect: to.fd });
}

function moveInherited({ inherited }: RestoreInput, above: number): Step[] {
  const own = [...new Set(inherited.values())];
  return [
    ...[...inherited].map(([fd, ownFd]) =>
      call('fcntl', [ownFd, fcntl.duplicateFrom, above], `fd ${fd}, handed in`, {
        result: inheritedSlot(fd).slot,
      }),
    ),
    ...own.map((fd) => call('close', [fd], `fd ${fd} of the one who restores`)),
  ];
}

function closeInherited({ inherited }: RestoreInput): Step[] {
  return [...inherited.keys()].map((fd) =>
    call('close', [inheritedSlot(fd)], `fd ${fd}, handed in`),
  );
}
