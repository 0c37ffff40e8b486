import { addWatches } from './add-watches.js';
import { checkFile, checkPath } from './check-file.js';
import { createTimer } from './create-timer.js';
import { clearStub } from './clear-stub.js';
import { forkHelper } from './fork-helper.js';
import { freeName, removeName } from './free-name.js';
import { movePages } from './move-pages.js';
import { openPty } from './open-pty.js';
import type { Frozen } from '../proc/freeze.js';
import type { FinishStep, StartStep, Step } from './plan/step.js';
import { waitForExit } from './read-exit.js';
import { Stub } from './stub.js';

/** What has come of a plan. */
export interface RunResult {
  /** by this process' pid namespace */
  hostPid: number;
  /** where to read the siginfo of its end, which the caller closes; null where it is our child */
  statusFd: number | null;
  /** what is not quite as it was */
  warnings: string[];
}

/** How to run a plan. */
export interface RunOptions {
  signal?: AbortSignal | undefined;
  /** what the process has to wait for before it goes on; it is undone should that fail */
  verified?: Promise<void> | undefined;
  /** what to do when all processes of a tree stand as they go on; as below, should it fail */
  beforeRelease?: (() => void) | undefined;
  /** what to do with the process before it goes on; should it fail, nothing is left of it */
  beforeRun?: ((frozen: Frozen) => Promise<void>) | undefined;
}

/**
 * Runs a plan. The process goes on when this returns; on an error, or when the signal aborts, nothing
 * is left of it.
 * @throws TargetError `PID_TAKEN`, `RESTORE_CALL`, ...; ImageError `FILE_CHANGED`, ...
 */
export async function runPlan(
  steps: readonly Step[],
  { signal, verified, beforeRelease, beforeRun }: RunOptions = {},
): Promise<RunResult> {
  const warnings: string[] = [];
  const names: string[] = [];
  let stub: Stub | undefined;
  let start: StartStep | undefined;
  try {
    for (const step of steps) {
      signal?.throwIfAborted();
      if (step.op === 'check-file') warnings.push(...[checkFile(step)].filter(isText));
      else if (step.op === 'check-path') warnings.push(...[checkPath(step)].filter(isText));
      else if (step.op === 'start') {
        start = step;
        stub = new Stub(step);
      } else if (step.op === 'finish') {
        await verified;
        if (stub) await finish(stub, step, beforeRun);
      } else if (step.op === 'release') {
        await verified;
        signal?.throwIfAborted();
        beforeRelease?.();
        stub?.release();
      } else if (stub && start) await runStep(stub, step, start);
      if (step.op === 'free-name') names.push(step.path);
    }
    return { hostPid: stub?.startedPid ?? 0, statusFd: stub?.statusFd ?? null, warnings };
  } catch (error) {
    stub?.[Symbol.dispose]();
    names.forEach(removeName);
    throw error;
  } finally {
    // Does nothing where it was let go.
    stub?.[Symbol.dispose]();
  }
}

async function runStep(
  stub: Stub,
  step: Exclude<Step, { op: 'check-file' | 'check-path' | 'start' | 'finish' | 'release' }>,
  start: StartStep,
): Promise<void> {
  switch (step.op) {
    case 'clear':
      clearStub(stub, step, start);
      return;
    case 'call':
      stub.call(step);
      return;
    case 'fork':
      stub.fork(step);
      return;
    case 'switch':
      stub.switchTo(step.process);
      return;
    case 'fork-helper':
      forkHelper(stub, step);
      return;
    case 'end':
      stub.end(step.process, step.status);
      return;
    case 'move':
      movePages(stub, step);
      return;
    case 'settle':
      stub.settle(step);
      return;
    case 'free-name':
      freeName(step);
      return;
    case 'read':
      await stub.read(step.file.slot, step.runs);
      return;
    case 'create-timer':
      createTimer(stub, step);
      return;
    case 'add-watches':
      addWatches(stub, step);
      return;
    case 'open-pty':
      openPty(stub, step);
  }
}

async function finish(
  stub: Stub,
  step: FinishStep,
  beforeRun: RunOptions['beforeRun'],
): Promise<void> {
  if (!beforeRun) {
    stub.finish(step);
    return;
  }
  using frozen = stub.hold(step);
  try {
    await beforeRun(frozen);
  } catch (error) {
    // It has not run since it was dumped: nothing is lost.
    process.kill(frozen.pid, 'SIGKILL');
    frozen.thaw();
    await waitForExit(stub);
    throw error;
  }
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
