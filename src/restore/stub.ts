import { closeSync } from 'node:fs';
import { isSystemError, TargetError } from '../errors.js';
import { PAGE_SIZE } from '../image/page.js';
import { native } from '../native.js';
import type { StubHandle } from '../native-remote.js';
import { Frozen } from '../proc/freeze.js';
import { systemCalls } from '../system-calls.js';
import { ArgumentArea, type Output, type Slots, slotsIn } from './argument-area.js';
import { errorName } from './errno.js';
import { call, type CallStep, cloneArgsBytes, cloneWords, type ForkStep } from './plan/step.js';
import type { FinishedThread, FinishStep, SettleStep, Slot, StartStep } from './plan/step.js';

/** Kernel's MAX_ERRNO: results above its negative are errors. */
const maxErrno = 4095;
const eexist = 17;
const largestFd = 0xffffffff;
/** Pid of the init of a pid namespace. */
const initPid = 1;

/** Those that were let go: a process gets its parent-death signal when what started it is collected. */
const letGo = new Set<StubHandle>();

/** How calls say that somebody else has what they ask for. */
const takenErrors = new Set(['EADDRINUSE', 'EAGAIN', 'EEXIST', 'EBUSY']);

/** A call that waits to be run, and the words that it is run with. */
interface QueuedCall {
  step: CallStep;
  words: bigint[];
  outputs: Output[];
}

/**
 * A process that is being made into another one. Calls are collected and run together, until one
 * needs what another has found out. Killed when it is disposed of, unless it was let go.
 */
export class Stub implements Disposable {
  readonly #pid: number;
  /** whose steps are those that name no thread */
  #current: number;
  readonly #statusFd: number;
  readonly #reaperFd: number;
  #isLetGo = false;
  readonly #handle: StubHandle;
  readonly #area: ArgumentArea;
  readonly #slots: Slots = new Map();
  /** by the number that the restored process knows */
  readonly #hostTids = new Map<number, number>();
  #queue: QueuedCall[] = [];

  /** @throws TargetError `PID_TAKEN`, `STUB_FAILED` */
  constructor({ pid, base, areaBytes, keptFds, isInNamespace }: StartStep) {
    const started = start(pid, { base, areaBytes, keptFds, isInNamespace });
    this.#pid = pid;
    this.#current = isInNamespace ? initPid : pid;
    this.#handle = started.handle;
    this.#statusFd = started.statusFd;
    this.#reaperFd = started.reaperFd;
    this.#area = new ArgumentArea(started.area, base + PAGE_SIZE);
    this.#hostTids.set(this.#current, started.pid);
  }

  /** Whose steps it runs, by this process' pid namespace. */
  get hostPid(): number {
    return this.#hostTids.get(this.#current) ?? 0;
  }

  /** The one that it was started for, by this process' pid namespace. */
  get startedPid(): number {
    return this.#hostTids.get(this.#pid) ?? 0;
  }

  /** Where to read the siginfo of its end, which the caller closes; null where it is our child. */
  get statusFd(): number | null {
    return this.#statusFd < 0 ? null : this.#statusFd;
  }

  /** The init makes the process. */
  fork({ pid }: ForkStep): void {
    const args = [{ words: cloneWords(pid) }, cloneArgsBytes];
    this.call(call('clone3', args, `process ${pid}`, { expect: pid }));
    this.flush();
    this.#current = pid;
    const fd = this.#reaperFd;
    this.call(call('close', [fd], 'what the init reports to'));
    for (const [first, last] of [
      [0, fd - 1],
      [fd + 1, largestFd],
    ] as const)
      if (first <= last)
        this.call(call('close_range', [first, last, 0], 'files of the init', { thread: initPid }));
    this.flush();
  }

  /** Calls are of another process from here on. */
  switchTo(process: number): void {
    this.flush();
    this.#current = process;
  }

  /**
   * The current process forks one with the number `tid`, which is `process` for steps. False where
   * somebody has that number.
   */
  tryFork(process: number, tid: number, flags: number, about: string): boolean {
    this.flush();
    const step = call('clone3', [{ words: cloneWords(tid, flags) }, cloneArgsBytes], about);
    const { results, children } = this.#runNow(step);
    const result = Number(results[0]);
    if (result === -eexist) return false;
    if (result < 0) throw this.#error(step, result);
    this.#hostTids.set(process, children[0] ?? result);
    return true;
  }

  /** Ends a process that was made on the way. */
  end(process: number, status: number): void {
    this.flush();
    native.stubEnd(this.#handle, this.#hostTids.get(process) ?? 0, status);
    this.#hostTids.delete(process);
  }

  /** Makes a process stand as it shall go on. */
  settle({ threads, stopSignal }: SettleStep | FinishStep): void {
    this.flush();
    native.stubSettle(this.#handle, this.#endsOf(threads), stopSignal);
  }

  /** Lets all processes go that are settled. */
  release(): void {
    native.stubRelease(this.#handle);
    this.#setLetGo();
  }

  /** Runs a call, now or a little later. */
  call(step: CallStep): void {
    const known = this.#queue.at(-1);
    const isOtherThread = known && this.#tidOf(known.step) !== this.#tidOf(step);
    const isMissing = step.args.flatMap(slotsIn).some((slot) => this.#isQueued(slot));
    if (isOtherThread || isMissing || !this.#area.hasRoom(step.args)) this.flush();
    const outputs: Output[] = [];
    const args = step.args.map((arg) => this.#area.put(arg, this.#slots, outputs));
    this.#queue.push({ step, words: [BigInt(systemCalls[step.call]), ...args], outputs });
  }

  /**
   * Runs what waits.
   * @throws TargetError `RESTORE_CALL` naming the call that failed, and why
   */
  flush(): void {
    const [first] = this.#queue;
    if (!first) return;
    const queue = this.#queue;
    this.#queue = [];
    const table = new BigUint64Array(queue.length * 7);
    queue.forEach(({ words }, i) => {
      table.set(words, i * 7);
    });
    const hostTid = this.#hostTids.get(this.#tidOf(first.step)) ?? 0;
    const { results, children } = native.stubCalls(this.#handle, hostTid, table);
    queue.forEach(({ step, outputs }, i) => {
      this.#take(step, results[i], outputs, children);
    });
    this.#area.reset();
  }

  /** Runs a call that may fail, after what waits. Returns its result, -errno for a failure. */
  attempt(step: CallStep): number {
    this.flush();
    return Number(this.#runNow(step).results[0]);
  }

  #runNow(step: CallStep) {
    const words = [
      BigInt(systemCalls[step.call]),
      ...step.args.map((arg) => this.#area.put(arg, this.#slots, [])),
    ];
    const table = new BigUint64Array(7);
    table.set(words);
    const hostTid = this.#hostTids.get(this.#tidOf(step)) ?? 0;
    const result = native.stubCalls(this.#handle, hostTid, table);
    this.#area.reset();
    return result;
  }

  /** What a slot holds, when what waits has run. */
  value({ slot }: Slot): number {
    this.flush();
    return this.#slots.get(slot) ?? -1;
  }

  /** Reads pages from a descriptor of the process into its memory. */
  async read(slot: string, runs: Float64Array): Promise<void> {
    this.flush();
    const tid = this.#hostTids.get(this.#current) ?? 0;
    await native.stubRead(this.#handle, tid, this.#slots.get(slot) ?? -1, runs);
  }

  /** Lets it go. */
  finish(step: FinishStep): void {
    this.settle(step);
    this.release();
  }

  /** Makes it stand as it shall go on, until it is thawed: it is no stub any more. */
  hold(step: FinishStep): Frozen {
    this.flush();
    const held = native.stubHold(this.#handle, this.#endsOf(step.threads), step.stopSignal);
    this.#setLetGo();
    return new Frozen(this.hostPid, {}, held);
  }

  #endsOf(threads: readonly FinishedThread[]) {
    return threads.map((thread) => ({ ...thread, tid: this.#hostTids.get(thread.tid) ?? 0 }));
  }

  #setLetGo(): void {
    this.#isLetGo = true;
    letGo.add(this.#handle);
  }

  [Symbol.dispose](): void {
    native.stubKill(this.#handle);
    if (this.#statusFd >= 0 && !this.#isLetGo) closeSync(this.#statusFd);
  }

  #take(step: CallStep, result: bigint | undefined, outputs: Output[], children: number[]): void {
    // What comes behind a call that failed was not run.
    const value = Number(result);
    const isError = value < 0 && value >= -maxErrno;
    if (isError || (step.expect !== undefined && value !== step.expect))
      throw this.#error(step, value);
    if (step.result !== undefined) this.#slots.set(step.result, value);
    for (const output of outputs) this.#area.readOutput(output, this.#slots);
    if (step.call === 'clone3') this.#hostTids.set(value, children.shift() ?? value);
  }

  #error({ call, about, taken }: CallStep, result: number): TargetError {
    if (call === 'clone3' && result === -eexist)
      return pidTaken(this.#pid, `${about}: another process or thread has that number`);
    if (taken !== undefined && takenErrors.has(errorName(-result)))
      return new TargetError(
        'NAME_TAKEN',
        `cannot restore pid ${this.#pid}: somebody else has ${taken} by now; end that one first; ` +
          'nothing of it is left',
        { facts: { pid: this.#pid, taken } },
      );
    const why = result < 0 ? errorName(-result) : `it returned ${result}`;
    return new TargetError(
      'RESTORE_CALL',
      `cannot restore pid ${this.#pid}: ${call} (${about}) has failed: ${why}; nothing of it is left`,
      { facts: { pid: this.#pid, call, about, result } },
    );
  }

  #isQueued(slot: string): boolean {
    return this.#queue.some(
      ({ step, outputs }) =>
        step.result === slot || outputs.some(({ slots }) => slots.includes(slot)),
    );
  }

  #tidOf({ thread }: CallStep): number {
    return thread ?? this.#current;
  }
}

type StubOptions = Parameters<typeof native.stubStart>[0];

function start(pid: number, options: Omit<StubOptions, 'pid'>) {
  try {
    return native.stubStart({ pid, ...options });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'EEXIST')
      throw pidTaken(pid, 'another process or thread has that number', error);
    throw new TargetError('STUB_FAILED', `cannot restore pid ${pid}: ${error.message}`, {
      cause: error,
      facts: { pid },
    });
  }
}

function pidTaken(pid: number, why: string, cause?: unknown): TargetError {
  return new TargetError(
    'PID_TAKEN',
    `cannot restore pid ${pid}: ${why}; end that first, or use --pid-namespace, which restores into ` +
      'a pid namespace of its own',
    { cause, facts: { pid } },
  );
}
