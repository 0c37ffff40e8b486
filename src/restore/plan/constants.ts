/** Constants of Linux on x86-64, as far as plans need them. */
export const PROT_WRITE = 2;
export const map = {
  shared: 0x01,
  private: 0x02,
  anonymous: 0x20,
  growsDown: 0x100,
  noReserve: 0x4000,
  fixedNoReplace: 0x100000,
} as const;

export const open = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  accessMode: 3,
  create: 0o100,
  exclusive: 0o200,
  noTerminal: 0o400,
  truncate: 0o1000,
  nonBlocking: 0o4000,
  closeOnExec: 0o2000000,
} as const;

export const fcntl = {
  duplicateFrom: 0,
  setFlags: 4,
  setLock: 6,
  setSignal: 10,
  setOwner: 15,
  setOpenFileLock: 37,
  setPipeSize: 1031,
  addSeals: 1033,
} as const;

/** O_ASYNC */
export const ASYNCHRONOUS = 0o20000;
/** Flags that F_SETFL can set: O_APPEND, O_NONBLOCK, O_DIRECT, O_ASYNC, O_NOATIME. */
export const SETTABLE_FLAGS = 0o2000 | 0o4000 | 0o40000 | ASYNCHRONOUS | 0o1000000;

export const mount = {
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  recursive: 0x4000,
  slave: 1 << 19,
} as const;

export const prctl = {
  setPdeathsig: 1,
  setDumpable: 4,
  setName: 15,
  capBsetDrop: 24,
  setSecurebits: 28,
  setTimerslack: 29,
  setMm: 35,
  setChildSubreaper: 36,
  setNoNewPrivs: 38,
  setThpDisable: 41,
  capAmbient: 47,
} as const;

/** Behind the last address of a program. */
export const TASK_END = 0x7ffffffff000;
/** No mapping is made below: mmap_min_addr is at most that. */
export const TASK_START = 0x10000;
