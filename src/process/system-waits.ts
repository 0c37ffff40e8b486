/** Numbers of system calls that wait for a time from now, at most, and begin again when interrupted. */
export const waitCalls = {
  poll: 7n,
  nanosleep: 35n,
  futex: 202n,
  clockNanosleep: 230n,
  epollWait: 232n,
  epollPwait: 281n,
  epollPwait2: 441n,
} as const;

/** What the kernel and ptrace see as results of interrupted calls. */
export const interruptedResults = { interrupted: -4n, noHandler: -514n, block: -516n } as const;

/** Those that end with EINTR whenever they are interrupted. */
export function isEpollWait(call: bigint): boolean {
  return (
    call === waitCalls.epollWait || call === waitCalls.epollPwait || call === waitCalls.epollPwait2
  );
}

/** Where registers are in `struct user_regs_struct`. */
const offsets = {
  r10: 56,
  rax: 80,
  rdx: 96,
  rsi: 104,
  rdi: 112,
  origRax: 120,
  rip: 128,
  rsp: 152,
} as const;

/** The registers of a system call in a `struct user_regs_struct`. */
export class CallRegisters {
  readonly #view: DataView;

  constructor(registers: Uint8Array) {
    this.#view = new DataView(registers.buffer, registers.byteOffset, registers.byteLength);
  }

  get(name: keyof typeof offsets): bigint {
    return this.#view.getBigInt64(offsets[name], true);
  }

  set(name: keyof typeof offsets, value: bigint): void {
    this.#view.setBigInt64(offsets[name], value, true);
  }
}
