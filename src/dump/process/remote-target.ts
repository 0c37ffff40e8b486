import { closeSync, openSync, readSync } from 'node:fs';
import { TargetError } from '../../errors.js';
import { native } from '../../native.js';
import type { Frozen } from '../../proc/freeze.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { PAGE_SIZE } from '../../image/page.js';
import { type SystemCall, systemCalls } from '../../system-calls.js';

/** A call to be run in the target: its name and up to six arguments. */
export type TargetCall = readonly [name: SystemCall, ...args: (number | bigint)[]];

const syscallInstruction = Buffer.of(0x0f, 0x05);
/** Pages of the target's that are looked through for an instruction. */
const maxSearchedPages = 4096;
const scratchPages = 2;

/**
 * Asks a target that stands what only itself can find out: by system calls that its threads run, which
 * write their answers to pages mapped for that. `end` takes them away again. Should this process be
 * killed in between, the thread that was just asked is lost for the target: its registers are not back.
 */
export class RemoteTarget implements Disposable {
  readonly #frozen: Frozen;
  readonly #address: number;
  readonly #memory: number;
  /** address of memory for answers */
  readonly scratch: number;
  #hasEnded = false;

  /** @throws TargetError `NO_SYSCALL`, `REMOTE_CALL` */
  constructor(frozen: Frozen, mappings: readonly SmapsEntry[]) {
    this.#frozen = frozen;
    this.#memory = openSync(`/proc/${frozen.pid}/mem`, 'r');
    try {
      this.#address = this.#findInstruction(mappings);
      this.scratch = this.#map();
    } catch (error) {
      closeSync(this.#memory);
      throw error;
    }
  }

  get pid(): number {
    return this.#frozen.pid;
  }

  get tids(): readonly number[] {
    return this.#frozen.tids;
  }

  state(tid: number) {
    return native.threadState(this.#frozen.handle, tid);
  }

  /**
   * Runs calls in a thread.
   * @returns their results, -errno for failures
   */
  calls(tid: number, calls: readonly TargetCall[]): number[] {
    return this.#run(tid, calls, this.scratch).map(Number);
  }

  /** Runs calls that must not fail. */
  mustCall(tid: number, calls: readonly TargetCall[]): number[] {
    const results = this.calls(tid, calls);
    const failed = results.findIndex((result) => result < 0);
    if (failed >= 0) throw remoteCallError(tid, calls[failed]?.[0] ?? '', results[failed] ?? 0);
    return results;
  }

  /** What calls have written, at an offset from `scratch`. */
  answer(offset: number, length: number): Buffer {
    return this.read(this.scratch + offset, length);
  }

  /** The target's memory; shorter where it ends. */
  read(address: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    const nrRead = readSync(this.#memory, bytes, 0, length, address);
    return bytes.subarray(0, nrRead);
  }

  /** Takes the pages away. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      this.#run(this.#thread, [['munmap', this.scratch, scratchPages * PAGE_SIZE]], 0);
    } finally {
      closeSync(this.#memory);
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }

  get #thread(): number {
    return this.tids.includes(this.pid) ? this.pid : (this.tids[0] ?? this.pid);
  }

  #map(): number {
    const call: TargetCall = ['mmap', 0, scratchPages * PAGE_SIZE, 3, 0x22, -1, 0];
    const [result = 0n] = this.#run(this.#thread, [call], 0);
    const address = Number(result);
    if (address > 0) return address;
    throw remoteCallError(this.#thread, 'mmap', address);
  }

  #run(tid: number, calls: readonly TargetCall[], scratch: number): bigint[] {
    const table = new BigUint64Array(calls.length * 7);
    calls.forEach(([name, ...args], i) => {
      table[i * 7] = BigInt(systemCalls[name]);
      args.forEach((arg, j) => (table[i * 7 + 1 + j] = BigInt.asUintN(64, BigInt(arg))));
    });
    return [
      ...native.targetCalls(this.#frozen.handle, this.pid, tid, this.#address, scratch, table),
    ];
  }

  /** The vdso has one; so has every program that makes system calls. */
  #findInstruction(mappings: readonly SmapsEntry[]): number {
    const executable = mappings.filter(({ perms, path }) => perms[2] === 'x' && path !== vsyscall);
    const isVdso = ({ path }: SmapsEntry) => path === '[vdso]';
    const vdso = executable.filter(isVdso);
    for (const entry of [...vdso, ...executable.filter((other) => !isVdso(other))]) {
      const nrPages = Math.min(entry.endPage - entry.startPage, maxSearchedPages);
      const address = entry.startPage * PAGE_SIZE;
      const offset = this.read(address, nrPages * PAGE_SIZE).indexOf(syscallInstruction);
      if (offset >= 0) return address + offset;
    }
    throw new TargetError(
      'NO_SYSCALL',
      `cannot dump pid ${this.pid}: there is no system call instruction in its memory`,
      { facts: { pid: this.pid } },
    );
  }
}

/** A page of the kernel's at the same address everywhere: not to be run by ptrace. */
const vsyscall = '[vsyscall]';

function remoteCallError(tid: number, call: string, result: number): TargetError {
  return new TargetError(
    'REMOTE_CALL',
    `cannot dump: ${call}, run by thread ${tid}, has failed (errno ${-result}); it goes on as before`,
    { facts: { tid, call, errno: -result } },
  );
}
