import type { PipeFile } from '../../../process/file-record.js';
import { fcntl, open, SETTABLE_FLAGS } from '../constants.js';
import { call, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';

/**
 * Both ends are made by whichever comes first; each waits above all numbers until its turn. One that
 * the process has closed is closed again when the other is there.
 */
export const pipe: FilePlanner<PipeFile> = (file, context) => {
  const isWriter = isWriting(file);
  const isAlone = !context.input.process.files.open.some(
    (other) => other.kind === 'pipe' && other.pipe === file.pipe && isWriting(other) !== isWriter,
  );
  const end = endSlot(file, isWriter);
  const about = `pipe ${file.pipe}`;
  const steps: Step[] = context.isFirst(about) ? makePipe(file, context, about) : [];
  if (isWriter || isAlone) steps.push(...fill(file, about));
  if (isAlone) steps.push(call('close', [endSlot(file, !isWriter)], about));
  steps.push(
    call('fcntl', [end, fcntl.setFlags, file.flags & SETTABLE_FLAGS], about),
    call('fcntl', [end, fcntl.duplicateFrom, 0], about, { result: context.file.slot }),
    call('close', [end], about),
  );
  return { steps };
};

function isWriting({ flags }: PipeFile): boolean {
  return (flags & open.accessMode) === open.writeOnly;
}

function endSlot({ pipe: number }: PipeFile, isWriter: boolean) {
  return { slot: `${isWriter ? 'writing' : 'reading'} end of pipe ${number}` };
}

function makePipe(file: PipeFile, { above }: FilePlanContext, about: string): Step[] {
  const made = [false, true].map((isWriter) => `new ${endSlot(file, isWriter).slot}`);
  return [
    call('pipe2', [{ out: made }, open.closeOnExec], about),
    ...made.flatMap((slot, i) => [
      call('fcntl', [{ slot }, fcntl.duplicateFrom, above], about, {
        result: endSlot(file, i === 1).slot,
      }),
      call('close', [{ slot }], about),
    ]),
  ];
}

function fill(file: PipeFile, about: string): Step[] {
  const { capacity, content } = file;
  const end = endSlot(file, true);
  const steps: Step[] = [call('fcntl', [end, fcntl.setPipeSize, capacity], about)];
  if (content.byteLength > 0)
    steps.push(
      call('write', [end, { bytes: content }, content.byteLength], about, {
        expect: content.byteLength,
      }),
    );
  return steps;
}
