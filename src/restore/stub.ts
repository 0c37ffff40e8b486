import { isSystemError, TargetError } from '../errors.js';
import { PAGE_SIZE } from '../image/page.js';
import { native } from '../native.js';
import type { StubHandle } from '../native-remote.js';
import { systemCalls } from '../system-calls.js';
import { ArgumentArea, type Output, type Slots, slotsIn } from './argument-area.js';
import { errorName } from './errno.js';
import type { CallStep, FinishStep, Slot, StartStep } from './plan/step.js';

/** Kernel's MAX_ERRNO: results above its negative are errors. */
const maxErrno = 4095;

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
  /** by this process' pid namespace */
  readonly hostPid: number;
  readonly #pid: number;
  readonly #handle: StubHandle;
  readonly #area: ArgumentArea;
  readonly #slots: Slots = new Map();
  /** by the number that the restored process knows */
  readonly #hostTids = new Map<number, number>();
  #queue: QueuedCall[] = [];

  /** @throws TargetError `PID_TAKEN`, `STUB_FAILED` */
  constructor({ pid, base, areaBytes, keptFds }: StartStep, pidNamespace = -1) {
    const { handle, pid: hostPid, area } = start(pid, { base, areaBytes, keptFds, pidNamespace });
    this.#pid = pid;
    this.hostPid = hostPid;
    this.#handle = handle;
    this.#area = new ArgumentArea(area, base + PAGE_SIZE);
    this.#hostTids.set(pid, hostPid);
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
    const words = [
      BigInt(systemCalls[step.call]),
      ...step.args.map((arg) => this.#area.put(arg, this.#slots, [])),
    ];
    const table = new BigUint64Array(7);
    table.set(words);
    const hostTid = this.#hostTids.get(this.#tidOf(step)) ?? 0;
    const { results } = native.stubCalls(this.#handle, hostTid, table);
    this.#area.reset();
    return Number(results[0]);
  }

  /** What a slot holds, when what waits has run. */
  value({ slot }: Slot): number {
    this.flush();
    return this.#slots.get(slot) ?? -1;
  }

  /** Reads pages from a descriptor of the process into its memory. */
  async read(slot: string, runs: Float64Array): Promise<void> {
    this.flush();
    await native.stubRead(this.#handle, this.#slots.get(slot) ?? -1, runs);
  }

  /** Lets it go. */
  finish({ threads, stopSignal }: FinishStep): void {
    this.flush();
    const ends = threads.map((thread) => ({
      ...thread,
      tid: this.#hostTids.get(thread.tid) ?? 0,
    }));
    native.stubFinish(this.#handle, ends, stopSignal);
  }

  [Symbol.dispose](): void {
    native.stubKill(this.#handle);
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

  #error({ call, about }: CallStep, result: number): TargetError {
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
    return thread ?? this.#pid;
  }
}

type StubOptions = Parameters<typeof native.stubStart>[0];

function start(pid: number, options: Omit<StubOptions, 'pid'>) {
  try {
    return native.stubStart({ pid, ...options });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const isTaken = error.code === 'EEXIST';
    throw new TargetError(
      isTaken ? 'PID_TAKEN' : 'STUB_FAILED',
      isTaken
        ? `cannot restore pid ${pid}: another process or thread has that number; end it first`
        : `cannot restore pid ${pid}: ${error.message}`,
      { cause: error, facts: { pid } },
    );
  }
}
