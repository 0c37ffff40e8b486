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
  /** an error waits for whoever asks (SO_ERROR, or the queue of errors) */
  hasError: boolean;
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

/** Who gets the signals of an open file, as F_GETOWN_EX and F_GETSIG have it; 0 for nobody. */
export interface FileOwner {
  type: number;
  id: number;
  signal: number;
}

/** What an end of a terminal tells of itself; of a pty either end knows the slave's settings. */
export interface TerminalState {
  /** `struct termios2` and `struct winsize` */
  settings: Uint8Array;
  windowSize: Uint8Array;
  /** N_TTY is 0 */
  discipline: number;
  isExclusive: boolean;
  /** bytes to be read */
  waiting: number;
  /** of a master: its number; -1 of anything else */
  index: number;
  isLocked: boolean;
  isPacketMode: boolean;
}

/** What a process has of its own, when one or several are looked at. */
export interface MemberPages {
  /** pages that no other process has: page, nrPages; and so on */
  own: Float64Array;
  /** the same of pages that others may have, but none before it */
  first: Float64Array;
  /** pages whose frame one before it has too: page, nrPages, index of the process that has them too, and which page of it; and so on */
  shared: Float64Array;
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
   * stands as it stood, out of a restartable sequence if it was inside of one. With `scratch`, memory
   * of the process, a signal that it was about to get is put back into its queue first. With
   * `fallback`, memory that begins with the code of `fallbackCode`, the thread comes back by itself
   * should this process be killed meanwhile; `address` is the same then. Without it, `wayBack` serves:
   * addresses of `syscall; ret`, of the C library's rt_sigreturn, and of the beginning and the end of
   * the stack; none if it is empty.
   */
  targetCalls(
    handle: FreezeHandle,
    pid: number,
    tid: number,
    address: number,
    scratch: number,
    fallback: number,
    calls: BigUint64Array,
    wayBack: BigUint64Array,
  ): BigInt64Array;

  /**
   * Makes a copy of this process that stands, with `keptFds` alone open, a trampoline at `base` and
   * an area for arguments in the pages behind it, which `area` shows here. With `isInNamespace` it is
   * the init of a new pid namespace, with mounts of its own, and is told to make `pid`; when that is
   * let go it reaps, and writes the siginfo of its end to its `reaperFd`, which is read at `statusFd`.
   */
  stubStart(options: {
    pid: number;
    base: number;
    areaBytes: number;
    isInNamespace: boolean;
    keptFds: readonly number[];
  }): { handle: StubHandle; pid: number; area: ArrayBuffer; statusFd: number; reaperFd: number };
  /** Runs calls until one fails. `children`: processes and threads that they have made. */
  stubCalls(
    handle: StubHandle,
    tid: number,
    calls: BigUint64Array,
  ): { results: BigInt64Array; children: number[] };
  /** A process reads pages of its descriptor `fd` into its memory. `runs`: page, filePage, nrPages */
  stubRead(handle: StubHandle, tid: number, fd: number, runs: Float64Array): Promise<void>;
  /** Ends a process that the stub has made, with a status as wait() tells it. */
  stubEnd(handle: StubHandle, tid: number, status: number): void;
  /**
   * Takes the trampoline away from a process, whose threads stand with what they go on with; with
   * `stopSignal`, they are going to be stopped.
   */
  stubSettle(handle: StubHandle, threads: readonly ThreadEnd[], stopSignal: number): void;
  /** Lets everything go on that is settled, at once. */
  stubRelease(handle: StubHandle): void;
  /** Settles the only process, to be let go by `thaw`, as what `freeze` returns. */
  stubHold(
    handle: StubHandle,
    threads: readonly ThreadEnd[],
    stopSignal: number,
  ): { handle: FreezeHandle; tids: number[]; stopNs: number };
  stubKill(handle: StubHandle): void;

  /**
   * Pages that private mappings of processes have of their own; they stand.
   * @param pagePairs start and end page of each range to look at, for each
   */
  memberPages(pids: readonly number[], pagePairs: readonly Float64Array[]): Promise<MemberPages[]>;
  /** What is in a pipe, which keeps it. */
  pipeContent(path: string): { capacity: number; content: Uint8Array };
  /**
   * A socket of another process. `names`: level and name of the options to look at; those that a new
   * socket has too are left out.
   */
  socketState(pid: number, fd: number, names: Int32Array): SocketState;
  /** What a unix socket has received, which keeps it. */
  socketQueue(pid: number, fd: number): { sender: Uint8Array; content: Uint8Array }[];
  fileOwner(pid: number, fd: number): FileOwner;
  /** What FIONREAD tells. */
  bytesWaiting(pid: number, fd: number): number;
  /** Whether poll says that the other end has gone. */
  hasHungUp(pid: number, fd: number): boolean;
  /** Where a file is, by its handle (`struct file_handle`) and a path on its file system. */
  pathOfHandle(mountPoint: string, type: number, handle: Uint8Array): string;
  terminalState(pid: number, fd: number): TerminalState;
  /** Sets one of our own terminals, and its foreground group, even from the background. */
  setTerminal(fd: number, settings: Uint8Array, group: number): void;
  /** The foreground group of our own terminal. */
  foregroundGroup(fd: number): number;
  /** Those of this network namespace. */
  unixSockets(): UnixSocketState[];
  /** 0: the same; 1, 2: an order */
  kcmp(pid: number, otherPid: number, type: number, index: number, otherIndex: number): number;
  scheduling(tid: number): { attributes: Uint8Array; affinity: Uint8Array; ioPriority: number };
  /** Lets a process' timerfd count how often it has gone off: procfs shows it then. */
  settleTimerFile(pid: number, fd: number): void;
  /**
   * What is to be added to the scheduler's time of CPUs for CLOCK_MONOTONIC, in milliseconds; NaN where
   * that cannot be seen.
   */
  schedulerOffsets(cpus: Int32Array): Float64Array;
  /** Waits for a child to end, and takes its status. */
  waitExit(pid: number): Promise<ProcessExit>;
}
