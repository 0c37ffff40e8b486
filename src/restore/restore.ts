import { ImageDirectory } from '../image/index.js';
import { native } from '../native.js';
import type { ProcessExit } from '../native-remote.js';
import { planRestore } from './plan/plan-restore.js';
import type { Step } from './plan/step.js';
import { readInput, verifyContent } from './read-input.js';
import { runPlan } from './run-plan.js';

/** What to restore, and how. */
export interface RestoreOptions {
  images: string;
  /** our own descriptors to hand in, by the number that they get in the process */
  inherited?: ReadonlyMap<number, number>;
  /** leave it stopped, as by SIGSTOP */
  isStopped?: boolean;
  signal?: AbortSignal;
}

/** A process that runs again. */
export interface RestoredProcess {
  /** as it knows itself */
  pid: number;
  /** in this process' pid namespace */
  hostPid: number;
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
  await verifyContent(images);
  const { hostPid, warnings } = await runPlan(steps, { signal: options.signal });
  return {
    pid: input.process.identity.pid,
    hostPid,
    nrThreads: input.process.threads.length,
    warnings,
    durationMs: performance.now() - startMs,
  };
}

/** Waits until a restored process has ended. */
export function waitForExit({ hostPid }: RestoredProcess): Promise<ProcessExit> {
  return native.waitExit(hostPid);
}

function inputOf(images: ImageDirectory, { inherited, isStopped = false }: RestoreOptions) {
  return readInput(images, { inherited: inherited ?? new Map<number, number>(), isStopped });
}
