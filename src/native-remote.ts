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

/** What a socket tells of itself. */
export interface SocketState {
  /** AF_*, SOCK_*, IPPROTO_* */
  domain: number;
  type: number;
  protocol: number;
  isListening: boolean;
  /** nothing more can be received */
  isShut: boolean;
  hasFilter: boolean;
  /** `struct sockaddr`; of the peer, empty where there is none */
  local: Uint8Array;
  remote: Uint8Array;
  /** the beginning of `struct tcp_info`; empty where it is no TCP socket */
  tcpInfo: Uint8Array;
  options: { level: number; name: number; value: Uint8Array }[];
}

/** What the kernel tells of a unix socket to everyone. */
export interface UnixSocketState {
  inode: number;
  /** of the file that is its name; 0 if it has none */
  nameInode: number;
  /** the inode of the other one; 0 if that has been closed, -1 if there was none */
  peer: number;
  /** 1: does not receive any more; 2: does not send; 3: both */
  shutdown: number;
  /** connections that wait to be accepted (or bytes to be received), and how many may */
  waiting: number;
  backlog: number;
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
  /**
   * A socket of another process. `names`: level and name of the options to look at; those that a new
   * socket has too are left out.
   */
  socketState(pid: number, fd: number, names: Int32Array): SocketState;
  /** What a unix socket has received, which keeps it. */
  socketQueue(pid: number, fd: number): { sender: Uint8Array; content: Uint8Array }[];
  /** Those of this network namespace. */
  unixSockets(): UnixSocketState[];
  /** 0: the same; 1, 2: an order */
  kcmp(pid: number, otherPid: number, type: number, index: number, otherIndex: number): number;
  scheduling(tid: number): { attributes: Uint8Array; affinity: Uint8Array; ioPriority: number };
  /** Waits for a child to end, and takes its status. */
  waitExit(pid: number): Promise<ProcessExit>;
}
