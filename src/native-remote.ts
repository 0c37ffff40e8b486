/** Names a frozen process; see `native.ts`. */
type FreezeHandle = object;

/** Names a stub to the calls below; it is killed when collected, unless it was let go. */
export type StubHandle = object;

/** What ptrace shows of a thread that stands. */
export interface ThreadState {
  /** `struct user_regs_struct` */
  registers: Uint8Array;
  xstate: Uint8Array;
  signalMask: bigint;
  rseqAddress: number;
  rseqLength: number;
  rseqSignature: number;
  robustList: number;
  robustListLength: number;
  /** system calls are caught in user space */
  hasDispatch: boolean;
  /** `siginfo_t` of what waits for the thread, and for the process */
  pending: Uint8Array[];
  sharedPending: Uint8Array[];
  /** that has stopped the process, or 0 */
  stopSignal: number;
}

/** What a thread goes on with. */
export interface ThreadEnd {
  tid: number;
  registers: Uint8Array;
  xstate: Uint8Array;
  signalMask: bigint;
}

/** How a process ended: one of the two is null. */
export interface ProcessExit {
  code: number | null;
  signal: number | null;
}

/**
 * The addon's part for whole processes. Addresses are numbers. A table of calls has seven words per
 * call: its number and six arguments; results are those of the kernel, -errno for a failure.
 */
export interface NativeRemote {
  threadState(handle: FreezeHandle, tid: number): ThreadState;
  /**
   * Runs system calls in a thread of a frozen process, by the instruction at `address`. Afterwards it
   * stands as it stood. With `scratch`, memory of the process, a signal that it was about to get is
   * put back into its queue.
   */
  targetCalls(
    handle: FreezeHandle,
    pid: number,
    tid: number,
    address: number,
    scratch: number,
    calls: BigUint64Array,
  ): BigInt64Array;

  /**
   * Makes a copy of this process that stands, with `keptFds` alone open, a trampoline at `base` and
   * an area for arguments in the pages behind it, which `area` shows here.
   * @param options.pidNamespace an fd, or -1 for this process' own
   */
  stubStart(options: {
    pid: number;
    base: number;
    areaBytes: number;
    pidNamespace: number;
    keptFds: readonly number[];
  }): { handle: StubHandle; pid: number; area: ArrayBuffer };
  /** Runs calls until one fails. `children`: processes and threads that they have made. */
  stubCalls(
    handle: StubHandle,
    tid: number,
    calls: BigUint64Array,
  ): { results: BigInt64Array; children: number[] };
  /** The stub reads pages of its descriptor `fd` into its memory. `runs`: page, filePage, nrPages */
  stubRead(handle: StubHandle, fd: number, runs: Float64Array): Promise<void>;
  /** Takes the trampoline away and lets all threads go on; with `stopSignal`, stopped. */
  stubFinish(handle: StubHandle, threads: readonly ThreadEnd[], stopSignal: number): void;
  stubKill(handle: StubHandle): void;

  /** Pages that private mappings have of their own: page, nrPages; and so on. */
  pagemapRuns(fd: number, pagePairs: Float64Array): Promise<Float64Array>;
  /** What is in a pipe, which keeps it. */
  pipeContent(path: string): { capacity: number; content: Uint8Array };
  /** 0: the same; 1, 2: an order */
  kcmp(pid: number, otherPid: number, type: number, index: number, otherIndex: number): number;
  scheduling(tid: number): { attributes: Uint8Array; affinity: Uint8Array; ioPriority: number };
  /** Waits for a child to end, and takes its status. */
  waitExit(pid: number): Promise<ProcessExit>;
}
