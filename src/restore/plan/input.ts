import type { PageMap, VmaRecord } from '../../image/index.js';
import type { ProcessRecord } from '../../process/process-record.js';
import type { AddressRange } from './address-space.js';

/** Shared memory as the images have it. */
export interface SegmentContent {
  /** of the images; -1 where the mappings' own pages have the content */
  segment: number;
  nrPages: number;
  pages: PageMap | null;
}

/** A terminal of this process: the controlling one, by one of the standard streams. */
export interface OwnTerminal {
  fd: number;
  path: string;
  /** whether it is ours to give away */
  isForeground: boolean;
}

/** What a plan is made from. */
export interface RestoreInput {
  process: ProcessRecord;
  vmas: readonly VmaRecord[];
  /** what is stored of private memory */
  pages: PageMap;
  /** by number */
  segments: ReadonlyMap<number, SegmentContent>;
  /** path of a round's pages file */
  pagesPath: (round: number) => string;
  /** addresses that the process which restores maps itself */
  ownMappings: readonly AddressRange[];
  /** our own descriptors to hand in, by the number in the process */
  inherited: ReadonlyMap<number, number>;
  /** for a process that was a job of a shell */
  terminal?: OwnTerminal | undefined;
  /** stop the process instead of letting it go on */
  isStopped: boolean;
  /** make it in a new pid namespace */
  isInNamespace: boolean;
}
