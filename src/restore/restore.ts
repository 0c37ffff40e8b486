import path from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { ImageDirectory } from '../image/index.js';
import type { Frozen } from '../proc/freeze.js';
import { planRestore } from './plan/plan-restore.js';
import type { OwnTerminal } from './plan/input.js';
import type { Step } from './plan/step.js';
import type { ProcessRecord } from '../process/process-record.js';
import { holdsTree, readInput, readTreeInput, verifyContent } from './read-input.js';
import { relocateMappings, relocateProcess } from './relocate.js';
import { runPlan, type RunResult } from './run-plan.js';
import { reportSharing, type SharingReport } from './tree/page-report.js';
import { planTree } from './tree/plan-tree.js';

export { waitForExit } from './read-exit.js';
export type { SharingReport } from './tree/page-report.js';

/** What to restore, and how. */
export interface RestoreOptions {
  images: string;
  /** our own descriptors to hand in, by the number that they get in the process */
  inherited?: ReadonlyMap<number, number>;
  /** our terminal, for a process that was a job of a shell */
  terminal?: OwnTerminal | undefined;
  /** leave it stopped, as by SIGSTOP */
  isStopped?: boolean;
  /** make it in a new pid namespace, below an init of ours: whoever has its pid does not matter then */
  isInNamespace?: boolean;
  /** where the files of the process are by now, instead of `/` */
  root?: string | undefined;
  /** what to do with the process before it goes on, e.g. to track it */
  beforeRun?: ((frozen: Frozen) => Promise<void>) | undefined;
  /** gets to know what the processes of a tree share, before they go on: they do not if it is less */
  onSharing?: ((report: SharingReport) => void) | undefined;
  signal?: AbortSignal;
}

/** A process that runs again. */
export interface RestoredProcess {
  /** as it knows itself */
  pid: number;
  /** in this process' pid namespace */
  hostPid: number;
  /** what tells of its end, where it is not our child */
  statusFd: number | null;
  /** of all processes */
  nrThreads: number;
  /** more than one: a tree, of which it is the root */
  nrProcesses: number;
  warnings: string[];
  durationMs: number;
}

/** What would be done, without doing it. */
export async function planImages(options: RestoreOptions): Promise<Step[]> {
  await using images = await ImageDirectory.open(options.images);
  return planOf(images, options).steps;
}

/**
 * Makes the process of some images' last round run again, as a child of this one; with its tree, if
 * they have that. On an error nothing of it is left; the images stay as they were.
 * @throws ImageError, TargetError; see `readInput` and `runPlan`
 */
export async function restoreProcess(options: RestoreOptions): Promise<RestoredProcess> {
  const startMs = performance.now();
  await using images = await ImageDirectory.open(options.images);
  const { processes, ...plan } = planOf(images, options);
  const result = await runVerified(images, plan, options);
  return {
    pid: processes[0]?.identity.pid ?? 0,
    nrThreads: processes.reduce((sum, { threads }) => sum + threads.length, 0),
    nrProcesses: processes.length,
    ...result,
    durationMs: performance.now() - startMs,
  };
}

interface Planned {
  steps: Step[];
  processes: ProcessRecord[];
  /** of a tree */
  beforeRelease?: (() => void) | undefined;
}

function planOf(images: ImageDirectory, options: RestoreOptions): Planned {
  if (holdsTree(images)) return planTreeOf(images, options);
  if (options.onSharing) throw noTree(images);
  const input = inputOf(images, options);
  return { steps: planRestore(input), processes: [input.process] };
}

function planTreeOf(images: ImageDirectory, options: RestoreOptions): Planned {
  const { inherited = new Map<number, number>(), isStopped = false } = options;
  refuseForTrees(images, options);
  const tree = readTreeInput(images, { inherited, isStopped });
  const processes = tree.members.map(({ process }) => process);
  const { onSharing } = options;
  const beforeRelease =
    onSharing &&
    (() => {
      onSharing(reportSharing(tree));
    });
  return { steps: planTree(tree), processes, beforeRelease };
}

function noTree({ path: directory }: ImageDirectory): ImageError {
  return new ImageError(
    'NO_TREE',
    `${directory} holds one process, which shares no pages with others: leave out --report`,
    { facts: { directory } },
  );
}

/** @throws ImageError `TREE_NOT_RESTORABLE` */
function refuseForTrees({ path: directory }: ImageDirectory, options: RestoreOptions): void {
  const refused = [
    options.isInNamespace === true ? '--pid-namespace' : '',
    options.root === undefined ? '' : '--root',
    options.terminal ? '--shell-job' : '',
    options.beforeRun ? '--track' : '',
  ].filter((option) => option !== '');
  if (refused.length === 0) return;
  throw new ImageError(
    'TREE_NOT_RESTORABLE',
    `${directory} holds a tree of processes, and ${refused.join(', ')} is for one process alone ` +
      'so far: leave it out',
    { facts: { directory } },
  );
}

/** Checks the pages' checksums while they are read: the process does not go on before they are right. */
async function runVerified(
  images: ImageDirectory,
  { steps, beforeRelease }: Pick<Planned, 'steps' | 'beforeRelease'>,
  options: RestoreOptions,
): Promise<RunResult> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])]);
  const verified = verifyContent(images, { signal });
  verified.catch((error: unknown) => {
    stop.abort(error);
  });
  try {
    return await runPlan(steps, { signal, verified, beforeRelease, beforeRun: options.beforeRun });
  } catch (error) {
    // What is wrong with the images says more than what came of it.
    if (isSystemError(error) && error.syscall === 'preadv') await verified;
    throw error;
  } finally {
    stop.abort();
    await verified.catch(() => undefined);
  }
}

function inputOf(images: ImageDirectory, options: RestoreOptions) {
  const { inherited, isStopped = false, isInNamespace = false, terminal, root } = options;
  const input = readInput(images, {
    inherited: inherited ?? new Map<number, number>(),
    isStopped,
    isInNamespace,
    terminal,
  });
  if (root === undefined) return input;
  const top = path.resolve(root);
  return {
    ...input,
    process: relocateProcess(input.process, top),
    vmas: relocateMappings(input.vmas, top),
  };
}
