import type { FifoFile } from '../../../process/file-record.js';
import { fcntl, open, SETTABLE_FLAGS } from '../constants.js';
import { call, type Slot, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';

const pathOnly = 0o10000000;

/**
 * Opened by its path. As long as the ends of one FIFO come to be, a further one holds it open for
 * both, so that none of them waits for another, and what is put into it stays.
 */
export const fifo: FilePlanner<FifoFile> = (record, context) => {
  const { path, inode, flags } = record;
  const { file } = context;
  const result = { result: file.slot };
  const checks = [{ op: 'check-path' as const, path, inode, isFifo: true, about: 'a FIFO' }];
  if ((flags & pathOnly) !== 0)
    return { checks, steps: [call('open', [{ text: path }, flags], path, result)] };
  const isHeld = needsHolder(path, context);
  const isFirst = isHeld && context.isFirst(`FIFO ${path}`);
  const holder = { slot: `holder of ${path}` };
  return {
    checks,
    steps: [
      ...(isFirst ? holdSteps(record, holder, context.above) : []),
      call('open', [{ text: path }, flags | open.nonBlocking], path, result),
      call('fcntl', [file, fcntl.setFlags, flags & SETTABLE_FLAGS], path),
      ...(isHeld ? [] : sizeSteps(record, file)),
    ],
    ...(isFirst ? { lateSteps: [call('close', [holder], path)] } : {}),
  };
};

/**
 * A reader that has not had a writer does without: it would see that one has been there and gone.
 */
function needsHolder(path: string, { input }: FilePlanContext): boolean {
  return input.process.files.open.some(
    (file) =>
      file.kind === 'fifo' &&
      file.path === path &&
      (file.content.byteLength > 0 ||
        file.isHungUp ||
        (file.flags & open.accessMode) !== open.readOnly),
  );
}

function holdSteps(record: FifoFile, holder: Slot, above: number): Step[] {
  const opened = { slot: `new ${holder.slot}` };
  const { path, content } = record;
  const flags = open.readWrite | open.nonBlocking | open.closeOnExec;
  const { byteLength } = content;
  const steps: Step[] = [
    call('open', [{ text: path }, flags], path, { result: opened.slot }),
    call('fcntl', [opened, fcntl.duplicateFrom, above], path, { result: holder.slot }),
    call('close', [opened], path),
  ];
  steps.push(...sizeSteps(record, holder));
  if (byteLength > 0)
    steps.push(
      call('write', [holder, { bytes: content }, byteLength], path, { expect: byteLength }),
    );
  return steps;
}

function sizeSteps({ path, capacity }: FifoFile, file: Slot): Step[] {
  return capacity === 0 ? [] : [call('fcntl', [file, fcntl.setPipeSize, capacity], path)];
}
