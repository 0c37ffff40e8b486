import type { OpenFileRecord } from '../../../process/file-record.js';
import type { RestoreInput } from '../input.js';
import type { CheckFileStep, Slot, Step } from '../step.js';

/** An open file as it comes to be. */
export interface PlannedFile {
  checks?: CheckFileStep[];
  /** makes it; the file's descriptor is in the slot `file` then, at whatever number */
  steps: Step[];
}

/** What planners work with. */
export interface FilePlanContext {
  input: RestoreInput;
  /** descriptors of the file, by number; at least one */
  fds: readonly number[];
  /** the slot that the descriptor has to be in */
  file: Slot;
}

/** Plans how open files of one kind are made again. */
export type FilePlanner<File extends OpenFileRecord> = (
  file: File,
  context: FilePlanContext,
) => PlannedFile;
