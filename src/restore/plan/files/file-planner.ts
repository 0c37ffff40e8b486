import type { OpenFileRecord } from '../../../process/file-record.js';
import type { RestoreInput } from '../input.js';
import type { CheckStep, Slot, Step } from '../step.js';

/** An open file as it comes to be. */
export interface PlannedFile {
  checks?: CheckStep[];
  /** makes it; the file's descriptor is in the slot `file` then, at whatever number */
  steps: Step[];
  /** when every descriptor is in its place */
  lateSteps?: Step[];
  /** when all of these are done, and all locks are taken */
  watchSteps?: Step[];
}

/** What planners work with. */
export interface FilePlanContext {
  input: RestoreInput;
  /** descriptors of the file, by number; at least one */
  fds: readonly number[];
  /** the slot that the descriptor has to be in */
  file: Slot;
  /** a number above all descriptors that the process uses */
  above: number;
  /** true the first time that it is asked with a name, for what several files are made of */
  isFirst: (name: string) => boolean;
}

/** Plans how open files of one kind are made again. */
export type FilePlanner<File extends OpenFileRecord> = (
  file: File,
  context: FilePlanContext,
) => PlannedFile;
