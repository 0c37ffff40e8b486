/** Controls that every native page job takes. */
export interface NativePageJob {
  /** one cell; the job adds the pages it has done, and JS may read it at any time */
  progress?: Float64Array;
  /** one cell; a value other than 0 makes the job reject with code `ABORT_ERR` */
  cancel?: Int32Array;
}

/** Where `copyPages` reads pages from. */
export interface PageSource {
  /** page n of the source is read at byte n * 4096: a region, `/proc/PID/mem`, a file */
  fd: number;
  /** whose memory `fd` is: it is read faster then */
  pid?: number;
  /** for error messages, e.g. `memory of pid 7` */
  name?: string;
  /** triples sourcePage, page, nrPages; read fastest where sourcePage is contiguous */
  runs: Float64Array;
  /** report pages that cannot be read instead of failing with EIO */
  allowUnreadable?: boolean;
}

/** Options of `copyPages`. */
export interface CopyPagesOptions extends NativePageJob {
  sources: readonly PageSource[];
  outFd: number;
  /** byte offset of the first page written, a multiple of 4096 */
  outOffset: number;
  /** number of the round that `outFd` belongs to, for the extents; 0 if absent */
  round?: number;
  /** for error messages */
  outName?: string;
}

/** What `copyPages` has done. */
export interface CopyPagesResult {
  /** extent table (docs/image-format.md), in the order of the runs */
  extents: Uint8Array;
  bytesWritten: number;
  /** pages in the extents, zero pages included */
  nrPages: number;
  nrZeroPages: number;
  /** index of the source, page, nrPages: in no extent, for they could not be read; and so on */
  unreadable: Float64Array;
}

/** Options of `checkExtents`. */
export interface CheckExtentsOptions extends NativePageJob {
  fd: number;
  /** for error messages */
  name?: string;
  /** extent table */
  extents: Uint8Array;
}

/** Options of `comparePages`. */
export interface ComparePagesOptions extends NativePageJob {
  /** `/proc/PID/mem`: page n is read at byte n * 4096 */
  memFd: number;
  /** files that `runs` refer to by index */
  fds: number[];
  /**
   * rows of page, nrPages, fdIndex, filePage, isExisting; fdIndex -1: compare with zeros; isExisting
   * 1: only pages that `/proc/PID/pagemap` says exist, 0: all
   */
  runs: Float64Array;
  /** needed for isExisting */
  pagemapFd?: number;
  /** page numbers to list in `mismatches` at most; 16 if absent */
  limit?: number;
}

/** What `comparePages` has found. */
export interface ComparePagesResult {
  /** pages compared */
  nrPages: number;
  nrMismatches: number;
  /** the first of them */
  mismatches: Float64Array;
  /** page, nrPages pairs: pages of the target that cannot be read: holes, pages behind a file's end */
  unreadable: Float64Array;
}

/**
 * The addon's part for images. The promises run on libuv worker threads and
 * reject with a `SystemError`, or with code `ABORT_ERR` when cancelled. Wrong
 * argument types throw a TypeError.
 */
export interface NativePageCopy {
  copyPages(options: CopyPagesOptions): Promise<CopyPagesResult>;
  /** Resolves with the index of the first extent that does not match, or -1. */
  checkExtents(options: CheckExtentsOptions): Promise<number>;
  comparePages(options: ComparePagesOptions): Promise<ComparePagesResult>;
  /** flock(2); throws a SystemError, EAGAIN where a nonblocking call would wait. */
  flock(fd: number, exclusive: boolean, nonblocking: boolean): void;
}
