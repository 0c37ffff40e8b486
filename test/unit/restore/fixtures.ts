import type { VmaRecord } from '../../../src/image/index.js';
import { PageMapBuilder } from '../../../src/image/page-map.js';
import { mmFields, type MmAddresses } from '../../../src/process/memory-record.js';
import type { ProcessRecord } from '../../../src/process/process-record.js';
import { REGISTERS_BYTES, type ThreadRecord } from '../../../src/process/thread-record.js';
import type { RestoreInput } from '../../../src/restore/plan/input.js';

/** A mapping of four pages of anonymous memory at page 16. */
export function vmaRecord(fields: Partial<VmaRecord>): VmaRecord {
  return {
    startPage: 16,
    endPage: 20,
    prot: 3,
    shared: false,
    kind: 'anon-private',
    state: 'untracked',
    path: '',
    offset: 0,
    dev: '00:00',
    inode: 0,
    ...fields,
  };
}

/** Thread 12, with all rights. */
export function threadRecord(fields: Partial<ThreadRecord> = {}): ThreadRecord {
  const all = (1n << 41n) - 1n;
  return {
    tid: 12,
    name: 'program',
    registers: new Uint8Array(REGISTERS_BYTES),
    xstate: new Uint8Array(576),
    leftNs: null,
    signalMask: 0n,
    pending: [],
    altStack: { address: 0, flags: 2, length: 0 },
    robustList: 0,
    robustListLength: 24,
    rseqAddress: 0,
    rseqLength: 0,
    rseqSignature: 0,
    clearChildTid: 0,
    schedAttributes: new Uint8Array(56),
    affinity: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0),
    ioPriority: 0,
    timerSlackNs: 50_000,
    parentDeathSignal: 0,
    credentials: {
      uids: [0, 0, 0, 0],
      gids: [0, 0, 0, 0],
      groups: [],
      inheritable: 0n,
      permitted: all,
      effective: all,
      bounding: all,
      ambient: 0n,
      secureBits: 0,
      noNewPrivileges: false,
    },
    ...fields,
  };
}

/** Process 12, which has one thread and nothing open. */
export function processRecord(fields: Partial<ProcessRecord>): ProcessRecord {
  return {
    identity: {
      pid: 12,
      processGroup: 12,
      session: 12,
      umask: 0o22,
      cwd: '/',
      root: '/',
      personality: 0,
      dumpable: 1,
      isSubreaper: false,
      oomScoreAdj: 0,
      limits: [1n, (1n << 64n) - 1n],
      cgroup: '0::/',
    },
    memory: {
      mm: Object.fromEntries(mmFields.map((field) => [field, 0x10000])) as MmAddresses,
      auxv: new Uint8Array(16),
      exe: { path: '/bin/x', size: 5, mtimeNs: 1_700_000_000_000_000_000n, inode: 3 },
      vdsoBuildId: '',
      thpDisabled: false,
    },
    signals: { actions: new Uint8Array(64 * 32), pending: [], stopSignal: 0 },
    threads: [threadRecord()],
    files: { open: [], descriptors: [] },
    timers: { intervals: new Uint8Array(96), posix: [] },
    ...fields,
  };
}

/** A restore of that process, without memory. */
export function restoreInput(fields: Partial<RestoreInput>): RestoreInput {
  return {
    process: processRecord({}),
    vmas: [],
    pages: new PageMapBuilder().build(),
    segments: new Map(),
    pagesPath: (round) => `/images/round-${round}.pages`,
    ownMappings: [],
    inherited: new Map(),
    isStopped: false,
    isInNamespace: false,
    ...fields,
  };
}
