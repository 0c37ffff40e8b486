import { createRequire } from 'node:module';
import path from 'node:path';
import { DeviceError } from './errors.js';
import type { NativePageCopy } from './image/native-page-copy.js';
import type { NativeRemote } from './native-remote.js';
import { packageRoot } from './package-root.js';

/** A session as TRACKER_IOC_STATUS reports it. */
export interface SessionStatus {
  /** the target, 0 if it has no pid in this namespace */
  pid: number;
  /** the controller that holds the session, 0 if none */
  holder: number;
  /** list cursor */
  after: bigint;
  /** random id of the session, 32 hexadecimal digits */
  id: string;
  /** number of harvests begun */
  epoch: number;
  /** epoch of the last commit */
  committed: number;
  nrRegions: number;
  /** pages in the dirty log */
  nrDirty: number;
  /** pages harvested but not committed */
  nrPending: number;
  nrChunks: number;
  logBytes: number;
  backingPages: number;
  nrSnapshots: number;
  /** the log could not grow: every page counts as dirty */
  overflow: boolean;
  /** id of the session of which the target was a forked child; zeros if there is none */
  origin: string;
  /** the same for sessions of one tree */
  tree: number;
}

/** A forked child that nobody tracks. */
export interface Stray {
  /** 0 while it is being born, or without one in this namespace */
  pid: number;
  /** id of the session whose target's memory it has */
  origin: string;
}

/** Pages that a target has in common with others of its tree. */
export interface DonorPart {
  /** to read them from: donor N is page N; the caller closes it */
  fd: number;
  /** region, first page, number of pages, number of the first page's donor; and so on */
  runs: Float64Array;
}

/** The dirty log, taken. */
export interface Harvest {
  /** to be committed or aborted */
  epoch: number;
  /** pages in `runs` */
  nrPages: number;
  /** pages that the kernel may write without a fault; they stay in the log */
  nrPinned: number;
  /** regions of shared memory reported whole, because a system call has changed the file */
  nrRescans: number;
  /** the log lost count: take every page of every region for dirty */
  overflow: boolean;
  /** region, first page, number of pages; and so on, by region and page, no two runs touch */
  runs: Float64Array;
}

/** Names a frozen process to {@link Native.thaw}; thaws by itself when collected. */
export type FreezeHandle = object;

/**
 * The native addon. It throws and rejects with a `SystemError` (see `errors.ts`); `errno` is
 * negative, as in node's own. Everyone but the thin wrappers in `kernel/`, `proc/` and `image/`
 * uses those.
 */
export interface Native extends NativePageCopy, NativeRemote {
  readonly abiVersion: number;
  readonly sessionCreate: number;
  readonly sessionExclusive: number;
  readonly sessionTree: number;
  /** flag of `swap`: only shared mappings, and the target need not be held */
  readonly swapShared: number;
  /** flag of `harvests`: pages of shared memory are not reported */
  readonly harvestPrivate: number;

  deviceInfo(fd: number): { abiVersion: number; nrSessions: number };
  /** The error of EBUSY has `holder`. */
  sessionOpen(
    fd: number,
    pid: number,
    flags: number,
    treeFd?: number,
  ): { fd: number; created: boolean };
  /** With `pid` 0: the first session after the cursor `after`. */
  status(fd: number, pid: number, after: bigint): SessionStatus;

  sessionStatus(fd: number): SessionStatus;
  commit(fd: number, epoch: number): void;
  abort(fd: number, epoch: number): void;
  regionOpen(fd: number, region: number): number;
  /** An Error in the place of each that has failed; so too `harvests` and `residents`. */
  layouts(fds: readonly number[], nrVmasHints: readonly number[]): Promise<(Uint8Array | Error)[]>;
  /**
   * `pagePairs`: start and end page of each range; `flags`: 0 or `swapShared`; `handle`: of the frozen target, not to be thawed
   * meanwhile. The error has `nrDone`, `busyTid`.
   */
  swap(
    fd: number,
    pagePairs: Float64Array,
    flags: number,
    handle?: FreezeHandle,
  ): Promise<{ nrDone: number; nrPages: number }>;
  /** The error has `nrVmas`, `busyTid`. */
  revert(fd: number, handle?: FreezeHandle): Promise<{ nrVmas: number; nrPages: number }>;
  /** `flags`: 0 or `harvestPrivate`, of each */
  harvests(fds: readonly number[], flags: readonly number[]): Promise<(Harvest | Error)[]>;
  /**
   * `pagePairs`: start and end page of each range, for each fd
   * @returns index of the range, first page, number of pages, flags (1: anonymous); and so on
   */
  residents(
    fds: readonly number[],
    pagePairs: readonly Float64Array[],
  ): Promise<(Float64Array | Error)[]>;
  /** `runs`: region, first page, number of pages; and so on */
  donors(fd: number, runs: Float64Array): Promise<DonorPart[]>;
  /** pids; EINVAL where no shared mapping is */
  sharers(fd: number, startPage: number): Promise<Float64Array>;
  strays(fd: number): Stray[];

  /**
   * Where sparse files have data, by lseek. The fds' positions move.
   * @param ranges index of the fd, start and end page of each range to look at
   * @returns index of the range, page, number of pages; and so on, range by range
   */
  dataRuns(fds: readonly number[], ranges: Float64Array): Promise<Float64Array>;

  /** Blocks up to `timeoutMs`. The error has `tid`, `state`, `wchan` and, with EPERM, `tracerPid`. */
  freeze(
    pid: number,
    timeoutMs: number,
    extraTids: readonly number[],
  ): { handle: FreezeHandle; tids: number[]; stopNs: number };
  /** Never throws; a second call does nothing. */
  thaw(handle: FreezeHandle): void;
}

let loaded: Native | undefined;

/**
 * The addon, loaded at the first use of a member: what needs no system call works without it.
 * A member throws DeviceError `ADDON_MISSING` when the addon is not built or does not load.
 */
export const native: Native = new Proxy({} as Native, {
  get: (_, name) => Reflect.get(loadNative(), name) as unknown,
});

/** Loads the addon now, for those who want to know whether it is there. */
export function loadNative(): Native {
  loaded ??= load(path.join(packageRoot(), 'build/native/tracker.node'));
  return loaded;
}

function load(file: string): Native {
  try {
    return createRequire(import.meta.url)(file) as Native;
  } catch (cause) {
    throw new DeviceError(
      'ADDON_MISSING',
      `cannot load the native addon ${file}; run make native`,
      { cause, facts: { file } },
    );
  }
}
