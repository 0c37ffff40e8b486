import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { TargetError } from '../../errors.js';
import { native } from '../../native.js';
import type { Frozen } from '../../proc/freeze.js';
import type { SmapsEntry } from '../../proc/smaps.js';
import { PAGE_SIZE } from '../../image/page.js';
import { type SystemCall, systemCalls } from '../../system-calls.js';
import { findWayBack } from './way-back.js';

/** A call to be run in the target: its name and up to six arguments. */
export type TargetCall = readonly [name: SystemCall, ...args: (number | bigint)[]];

const syscallInstruction = Buffer.of(0x0f, 0x05);
/** Pages of the target's that are looked through for an instruction. */
const maxSearchedPages = 4096;
const answerPages = 2;
/** As the addon has it, kFallbackBytes: room for the way back of a thread. */
const fallbackPages = 24;
const mappedBytes = (answerPages + fallbackPages) * PAGE_SIZE;
/** `syscall`, then rt_sigreturn */
const fallbackCode = Buffer.of(0x0f, 0x05, 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05, 0xcc);
const prot = { readWrite: 3, all: 7 } as const;
/** MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE */
const mapFlags = 0x4022;

/**
 * Asks a target that stands what only itself can find out: by system calls that its threads run, which
 * write their answers to pages mapped for that. `end` takes them away again. Should this process be
 * killed in between, the thread that was just asked comes back to where it stood, by code and a frame
 * in those pages, which stay. From the two calls that map and unmap them it comes back by code of its C
 * library, and a frame on its stack.
 */
export class RemoteTarget implements Disposable {
  readonly #frozen: Frozen;
  readonly #address: number;
  readonly #wayBack: BigUint64Array;
  readonly #memory: number;
  /** address of the way back, 0 where the target may not have code in such memory */
  readonly #fallback: number;
  /** address of memory for answers */
  readonly scratch: number;
  #hasEnded = false;

  /** @throws TargetError `NO_SYSCALL`, `REMOTE_CALL` */
  constructor(frozen: Frozen, mappings: readonly SmapsEntry[]) {
    this.#frozen = frozen;
    this.#memory = openSync(`/proc/${frozen.pid}/mem`, 'r+');
    try {
      this.#address = this.#findInstruction(mappings);
      this.#wayBack = findWayBack(mappings, (address, length) => this.read(address, length));
      const executable = this.#map(prot.all);
      // Negative where memory that can be written may not be executed.
      this.scratch = executable > 0 ? executable : this.#mustMap();
      this.#fallback = executable > 0 ? this.#placeFallback() : 0;
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
    return this.#run(tid, calls, { scratch: this.scratch, fallback: this.#fallback }).map(Number);
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
      this.#unmap();
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

  /** An address, or -errno. */
  #map(protection: number): number {
    const call: TargetCall = ['mmap', 0, mappedBytes, protection, mapFlags, -1, 0];
    return Number(this.#run(this.#thread, [call])[0]);
  }

  #mustMap(): number {
    const address = this.#map(prot.readWrite);
    if (address > 0) return address;
    throw remoteCallError(this.#thread, 'mmap', address);
  }

  #placeFallback(): number {
    const address = this.scratch + answerPages * PAGE_SIZE;
    try {
      writeSync(this.#memory, fallbackCode, 0, fallbackCode.length, address);
    } catch (error) {
      this.#unmap();
      throw error;
    }
    return address;
  }

  #unmap(): void {
    this.#run(this.#thread, [['munmap', this.scratch, mappedBytes]]);
  }

  /** Without pages the target's own instructions run the calls. */
  #run(tid: number, calls: readonly TargetCall[], { scratch, fallback } = noPages): bigint[] {
    const table = new BigUint64Array(calls.length * 7);
    calls.forEach(([name, ...args], i) => {
      table[i * 7] = BigInt(systemCalls[name]);
      args.forEach((arg, j) => (table[i * 7 + 1 + j] = BigInt.asUintN(64, BigInt(arg))));
    });
    const { handle } = this.#frozen;
    const address = fallback === 0 ? this.#address : fallback;
    const wayBack = this.#wayBack;
    return [
      ...native.targetCalls(handle, this.pid, tid, address, scratch, fallback, table, wayBack),
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

const noPages = { scratch: 0, fallback: 0 };

/** A page of the kernel's at the same address everywhere: not to be run by ptrace. */
const vsyscall = '[vsyscall]';

function remoteCallError(tid: number, call: string, result: number): TargetError {
  return new TargetError(
    'REMOTE_CALL',
    `cannot dump: ${call}, run by thread ${tid}, has failed (errno ${-result}); it goes on as before`,
    { facts: { tid, call, errno: -result } },
  );
}
