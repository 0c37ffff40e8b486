import { TargetError } from '../errors.js';
import { call, type CallStep, type CreateTimerStep, int32s } from './plan/step.js';
import type { Stub } from './stub.js';

/** PR_TIMER_CREATE_RESTORE_IDS of Linux 6.15: the caller of timer_create says which id he wants. */
const restoreIds = 77;
const created = { slot: 'id of a new timer' };

/** What runs the calls. */
export type TimerCreator = Pick<Stub, 'call' | 'attempt' | 'value'>;

/**
 * Makes a timer with the id that it had. Where the kernel cannot be told, it counts up from 0: timers
 * are made and deleted until it comes there. Steps are by id.
 * @throws TargetError `TIMER_ID` where the kernel is past it already; `RESTORE_CALL`
 */
export function createTimer(stub: TimerCreator, step: CreateTimerStep): void {
  const about = `timer ${step.id}`;
  if (stub.attempt(call('prctl', [restoreIds, 1, 0, 0, 0], about)) < 0) {
    countUp(stub, step, about);
    return;
  }
  stub.call(create(step, { bytes: int32s(step.id) }, about));
  stub.call(call('prctl', [restoreIds, 0, 0, 0, 0], about));
}

function countUp(stub: TimerCreator, step: CreateTimerStep, about: string): void {
  for (;;) {
    stub.call(create(step, { out: [created.slot] }, about));
    const id = stub.value(created);
    if (id === step.id) return;
    if (id > step.id) throw passed(step.id, id);
    stub.call(call('timer_delete', [created], about));
  }
}

function create(
  { clock, event }: CreateTimerStep,
  id: CallStep['args'][number],
  about: string,
): CallStep {
  return call('timer_create', [clock, { bytes: event }, id], about);
}

function passed(id: number, found: number): TargetError {
  return new TargetError(
    'TIMER_ID',
    `cannot restore timer ${id}: this kernel is at id ${found} already; nothing of the process is left`,
    { facts: { id, found } },
  );
}
