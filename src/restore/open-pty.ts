import { TargetError } from '../errors.js';
import { open } from './plan/constants.js';
import { call, type OpenPtyStep } from './plan/step.js';
import type { Stub } from './stub.js';

/** TIOCGPTN */
const getIndex = 0x80045430;
const opened = { slot: 'a new pty' };
const number = { slot: 'index of a new pty' };

/** What runs the calls. */
export type PtyOpener = Pick<Stub, 'call' | 'value'>;

/**
 * Makes a pty with the index that it had. The kernel hands out the lowest one that is free: those
 * below are taken until it comes there, and given back.
 * @throws TargetError `NAME_TAKEN` where somebody else has it; `RESTORE_CALL`
 */
export function openPty(stub: PtyOpener, { index, result }: OpenPtyStep): void {
  const about = `pty ${index}`;
  const flags = open.readWrite | open.noTerminal | open.closeOnExec;
  const extra: number[] = [];
  for (;;) {
    stub.call(call('open', [{ text: '/dev/ptmx' }, flags], about, { result: opened.slot }));
    stub.call(call('ioctl', [opened, getIndex, { out: [number.slot] }], about));
    const found = stub.value(number);
    if (found === index) break;
    if (found > index) throw taken(index);
    extra.push(stub.value(opened));
  }
  stub.call(call('fcntl', [opened, 0, 0], about, { result }));
  for (const fd of [...extra, stub.value(opened)]) stub.call(call('close', [fd], about));
}

function taken(index: number): TargetError {
  return new TargetError(
    'NAME_TAKEN',
    `cannot restore: somebody else has the pseudo-terminal /dev/pts/${index} by now; end that one ` +
      'first; nothing of the process is left',
    { facts: { index } },
  );
}
