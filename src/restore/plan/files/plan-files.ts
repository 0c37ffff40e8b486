import type { OpenFileRecord } from '../../../process/file-record.js';
import type { RestoreInput } from '../input.js';
import { fcntl } from '../constants.js';
import { call, type CheckStep, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';
import { lockSteps, ownerSteps } from './attribute-steps.js';
import { epoll, eventfd } from './event-files.js';
import { inheritedFile, inheritedSlot } from './inherited-file.js';
import { deletedFile, keepMapped, memfd } from './nameless-files.js';
import { fifo } from './fifo.js';
import { inotify } from './inotify.js';
import { pipe } from './pipe.js';
import { ptyMaster, ptySlave } from './pty.js';
import { device, directory, regularFile } from './path-files.js';
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
  steps: Step[];
  /** when all threads are there, with their rights */
  lastSteps: Step[];
}

/**
 * Each open file is made at whatever number, moved above all numbers that the process uses, and from
 * there duplicated to its descriptors.
 */
export function planFiles(input: RestoreInput): PlannedFiles {
  const { open, descriptors } = input.process.files;
  const above = Math.max(2, ...descriptors.map(({ fd }) => fd), ...input.inherited.values()) + 1;
  const named = new Set<string>();
  const isFirst = (name: string) => named.size < named.add(name).size;
  const planned = open.map((file) => planFile(file, { input, above, isFirst }));
  return {
    checks: planned.flatMap(({ checks }) => checks),
    firstSteps: moveInherited(input, above),
    keepSteps: keepMapped(input, above),
    steps: [
      ...planned.flatMap(({ steps }) => steps),
      ...closeInherited(input),
      ...planned.flatMap(({ lateSteps }) => lateSteps),
      ...planned.flatMap((file) => file.lockSteps),
      ...planned.flatMap(({ watchSteps }) => watchSteps),
    ],
    lastSteps: [...planned.flatMap(({ lastSteps }) => lastSteps), ...resizeSteps(input)],
  };
}

/** One open file, with what is planned for all of them in the same way. */
function planFile(
  file: OpenFileRecord,
  common: Pick<FilePlanContext, 'input' | 'above' | 'isFirst'>,
) {
  const { descriptors } = common.input.process.files;
  const own = descriptors.filter((descriptor) => descriptor.file === file.id);
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

function placeSteps(
  { id }: OpenFileRecord,
  descriptors: readonly { fd: number; closeOnExec: boolean }[],
  above: number,
): Step[] {
  const made = { slot: `file ${id}` };
  const high = { slot: `high file ${id}` };
  const about = `open file ${id}`;
  return [
    call('fcntl', [made, fcntl.duplicateFrom, above], about, { result: high.slot }),
    call('close', [made], about),
    ...descriptors.map((descriptor) =>
      call('dup3', [high, descriptor.fd, descriptor.closeOnExec ? closeOnExec : 0], about, {
        expect: descriptor.fd,
      }),
    ),
    call('close', [high], about),
  ];
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
