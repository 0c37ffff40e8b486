import { isSystemError, TargetError } from '../errors.js';
import { type FreezeHandle, native } from '../native.js';
import { noSuchProcess } from './read-error.js';

/** How long to wait, and whom to stop besides the target. */
export interface FreezeOptions {
  /** bound on the wait until every thread stands; default 2000 */
  timeoutMs?: number;
  /** threads whose processes share the target's memory: those are stopped as well */
  extraTids?: readonly number[];
}

/** What the addon says of a process that stands. */
export type HeldProcess = ReturnType<typeof native.freeze>;

/** The outcome of {@link withFrozen}. */
export interface FrozenResult<T> {
  result: T;
  /** how long the target stood, from the first thread's stop to the last one's release */
  freezeMs: number;
}

const defaultTimeoutMs = 2000;

/** What stands now. The kernel lets it go when this process dies; an exit does it before that. */
const standing = new Set<Frozen>();

/**
 * A process of which every thread stands in a ptrace stop, until {@link Frozen.thaw}. Interrupted
 * system calls go on (but for those that return EINTR after SIGSTOP and SIGCONT too, such as
 * epoll_wait: signal(7)), signals that arrive meanwhile are delivered afterwards, and a process
 * stopped by SIGSTOP stays so.
 */
export class Frozen implements Disposable {
  readonly #handle: FreezeHandle;
  readonly #startMs = performance.now();
  #freezeMs: number | undefined;
  /** the threads, those of `extraTids`' processes included */
  readonly tids: readonly number[];
  /** how long it took until the last thread stood */
  readonly stopMs: number;

  /**
   * Stops a process. Blocks, for the target's sake, up to the timeout; five times as long where a
   * thread has only no processor to stop on.
   * @throws TargetError `FREEZE_TIMEOUT` (`facts` has tid, state, wchan; no thread is held),
   *   `NO_SUCH_PROCESS`, `TRACED` (by `facts.tracer`, e.g. a debugger), `NOT_PERMITTED`
   * @param held it stands already
   */
  constructor(
    readonly pid: number,
    { timeoutMs = defaultTimeoutMs, extraTids = [] }: FreezeOptions = {},
    held: HeldProcess = freeze(pid, timeoutMs, extraTids),
  ) {
    const { handle, tids, stopNs } = held;
    this.#handle = handle;
    this.tids = tids;
    this.stopMs = stopNs / 1e6;
    hold(this);
  }

  /** For the calls of a session that need the target held. */
  get handle(): FreezeHandle {
    return this.#handle;
  }

  /** How long the target has stood, or stood. */
  get freezeMs(): number {
    return this.#freezeMs ?? performance.now() - this.#startMs;
  }

  /** Lets the process go on. Never throws, even if it has died; a second call does nothing. */
  thaw(): void {
    if (this.#freezeMs !== undefined) return;
    native.thaw(this.#handle);
    this.#freezeMs = performance.now() - this.#startMs;
    standing.delete(this);
  }

  [Symbol.dispose](): void {
    this.thaw();
  }
}

/**
 * Runs `work` while a process stands, and lets it go on whatever becomes of `work`.
 * @throws what `work` throws, or TargetError as {@link Frozen} does
 */
export async function withFrozen<T>(
  pid: number,
  work: (frozen: Frozen) => T | Promise<T>,
  options: FreezeOptions = {},
): Promise<FrozenResult<T>> {
  const frozen = new Frozen(pid, options);
  try {
    const result = await work(frozen);
    frozen.thaw();
    return { result, freezeMs: frozen.freezeMs };
  } finally {
    frozen.thaw();
  }
}

function hold(frozen: Frozen): void {
  if (!process.listeners('exit').includes(thawAll)) process.once('exit', thawAll);
  standing.add(frozen);
}

function thawAll(): void {
  for (const frozen of standing) frozen.thaw();
}

function freeze(
  pid: number,
  timeoutMs: number,
  extraTids: readonly number[],
): ReturnType<typeof native.freeze> {
  try {
    return native.freeze(pid, timeoutMs, extraTids);
  } catch (error) {
    throw freezeError(error, pid, timeoutMs);
  }
}

/** What the addon knows of the thread that a freeze failed on. */
interface FreezeFailure {
  tid?: number;
  state?: string;
  wchan?: string;
  tracerPid?: number;
}

function freezeError(error: unknown, pid: number, timeoutMs: number): unknown {
  if (!isSystemError(error)) return error;
  switch (error.code) {
    case 'ESRCH':
      return noSuchProcess(`freeze pid ${pid}`, pid, error);
    case 'ETIMEDOUT':
      return timeoutError(error, pid, timeoutMs);
    case 'EPERM':
      return permissionError(error, pid);
    default:
      return new TargetError('FREEZE_FAILED', `cannot freeze pid ${pid}: ${error.message}`, {
        cause: error,
        facts: { pid },
      });
  }
}

function timeoutError(cause: Error & FreezeFailure, pid: number, timeoutMs: number): TargetError {
  const { tid = pid, state = '', wchan = '' } = cause;
  const where = wchan === '' ? '' : ` in ${wchan}`;
  return new TargetError(
    'FREEZE_TIMEOUT',
    `cannot freeze pid ${pid}: thread ${tid} did not stop within ${timeoutMs} ms ` +
      `(state ${state}${where}); all of it runs again, try again when that thread is done waiting`,
    { cause, facts: { pid, tid, state, wchan, timeoutMs } },
  );
}

function permissionError(cause: Error & FreezeFailure, pid: number): TargetError {
  const { tid = pid, tracerPid: tracer = 0 } = cause;
  const who = tid === pid ? `pid ${pid}` : `thread ${tid} of pid ${pid}`;
  if (tracer > 0) {
    return new TargetError(
      'TRACED',
      `cannot freeze ${who}: process or thread ${tracer} traces it (a debugger, strace or ` +
        'another tracker); end that first',
      { cause, facts: { pid, tid, tracer } },
    );
  }
  return new TargetError(
    'NOT_PERMITTED',
    `cannot freeze ${who}: not permitted; run as root or with CAP_SYS_PTRACE, and choose no ` +
      'kernel thread',
    { cause, facts: { pid, tid } },
  );
}
