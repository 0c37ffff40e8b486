import path from 'node:path';
import { isSystemError } from '../errors.js';
import { ImageDirectory } from '../image/index.js';
import type { Frozen } from '../proc/freeze.js';
import { planRestore } from './plan/plan-restore.js';
import type { OwnTerminal } from './plan/input.js';
import type { Step } from './plan/step.js';
import { readInput, verifyContent } from './read-input.js';
import { relocateMappings, relocateProcess } from './relocate.js';
import { runPlan, type RunResult } from './run-plan.js';

export { waitForExit } from './read-exit.js';

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
  nrThreads: number;
  warnings: string[];
  durationMs: number;
}

/** What would be done, without doing it. */
export async function planImages(options: RestoreOptions): Promise<Step[]> {
  await using images = await ImageDirectory.open(options.images);
  return planRestore(inputOf(images, options));
}

/**
 * Makes the process of some images' last round run again, as a child of this one. On an error nothing
 * of it is left; the images stay as they were.
 * @throws ImageError, TargetError; see `readInput` and `runPlan`
 */
export async function restoreProcess(options: RestoreOptions): Promise<RestoredProcess> {
  const startMs = performance.now();
  await using images = await ImageDirectory.open(options.images);
  const input = inputOf(images, options);
  const steps = planRestore(input);
  const result = await runVerified(images, steps, options);
  return {
    pid: input.process.identity.pid,
    nrThreads: input.process.threads.length,
    ...result,
    durationMs: performance.now() - startMs,
  };
}

/** Checks the pages' checksums while they are read: the process does not go on before they are right. */
async function runVerified(
  images: ImageDirectory,
  steps: readonly Step[],
  options: RestoreOptions,
): Promise<RunResult> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal ? [options.signal] : [])]);
  const verified = verifyContent(images, { signal });
  verified.catch((error: unknown) => {
    stop.abort(error);
  });
  try {
    return await runPlan(steps, { signal, verified, beforeRun: options.beforeRun });
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
