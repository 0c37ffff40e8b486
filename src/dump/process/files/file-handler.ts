import type { OpenFileRecord } from '../../../process/file-record.js';
import type { TargetCall } from '../remote-target.js';
import type { Holders } from './holders.js';
import type { OpenDescriptor } from './open-descriptor.js';
import type { TreeFiles } from './tree-files.js';

/** What handlers know besides the descriptor they look at. */
export interface FileContext {
  /** all descriptors of the process */
  descriptors: readonly OpenDescriptor[];
  /** those that the one who restores is going to hand in */
  external: ReadonlySet<number>;
  /** it is a job of a shell: its terminal is that of whoever restores */
  isShellJob?: boolean;
  /** those who are dumped with it; absent where it is dumped alone */
  tree?: TreeFiles;
  /** runs a system call in the process, which must not fail; only while it is collected */
  ask?: (call: TargetCall) => number;
}

/** What they are told when they are asked for reasons to refuse. */
export interface RefusalContext extends FileContext {
  holders: Holders;
}

/** What a handler adds to the record of an open file. */
export type FileDetails = OpenFileRecord extends infer File
  ? File extends OpenFileRecord
    ? Omit<File, 'id' | 'flags' | 'shared' | 'locks' | 'owner'>
    : never
  : never;

/** Dumps open files of one kind. */
export interface FileHandler {
  /** whether a descriptor is of this kind; the first handler of the table that says so has it */
  matches: (descriptor: OpenDescriptor, context: FileContext) => boolean;
  /**
   * Why this one cannot be dumped, to be read behind `fd 7 of pid 12: `; nothing if it can. Asked
   * before the process is touched: only procfs may be looked at, and sockets by what they tell.
   */
  refusal?: (descriptor: OpenDescriptor, context: RefusalContext) => string | undefined;
  /** it lies outside the images: its locks and the like are those of whoever hands it in */
  isOutside?: boolean;
  /** several members of a tree may have it by one open file */
  isSharable?: boolean;
  /** Asked once per open file, when the process stands. */
  collect: (descriptor: OpenDescriptor, context: FileContext) => FileDetails;
}
