import type { PipeFile } from '../../../process/file-record.js';
import { fcntl, open, SETTABLE_FLAGS } from '../constants.js';
import { call, type Slot, type Step } from '../step.js';
import type { FilePlanner } from './file-planner.js';

/**
 * Both ends are made by whichever comes first, above all numbers, and closed when every descriptor is
 * in its place: one that the process has closed is closed then. The first open file of an end is that
 * one; a further one has flags of its own and is opened through procfs.
 */
export const pipe: FilePlanner<PipeFile> = (file, context) => {
  const isWriter = (file.flags & open.accessMode) === open.writeOnly;
  const about = `pipe ${file.pipe}`;
  const end = endSlot(file, isWriter);
  const isFirst = context.isFirst(about);
  const isEnd = context.isFirst(`${isWriter ? 'writing' : 'reading'} end of ${about}`);
  const result = { result: context.file.slot };
  return {
    steps: [
      ...(isFirst ? makePipe(file, context.above, about) : []),
      ...fill(file, about),
      isEnd
        ? call('fcntl', [end, fcntl.duplicateFrom, 0], about, result)
        : call('open', [{ descriptor: end }, file.flags], about, result),
      call('fcntl', [context.file, fcntl.setFlags, file.flags & SETTABLE_FLAGS], about),
    ],
    ...(isFirst ? { lateSteps: closeEnds(file, about) } : {}),
  };
};

function endSlot({ pipe: number }: PipeFile, isWriter: boolean): Slot {
  return { slot: `${isWriter ? 'writing' : 'reading'} end of pipe ${number}` };
}

function makePipe(file: PipeFile, above: number, about: string): Step[] {
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

function closeEnds(file: PipeFile, about: string): Step[] {
  return [false, true].map((isWriter) => call('close', [endSlot(file, isWriter)], about));
}

/** Only one open file of a pipe has its size and what is in it. */
function fill(file: PipeFile, about: string): Step[] {
  const { capacity, content } = file;
  if (capacity === 0) return [];
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
