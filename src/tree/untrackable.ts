import { TargetError } from '../errors.js';

/** What makes one process untrackable, and is no failure of the whole. */
const untrackable = new Set([
  'UNTRACKABLE_MEMORY',
  'NOTHING_TRACKABLE',
  'NOT_64_BIT',
  'KERNEL_THREAD',
  'FIRST_THREAD_EXITED',
  'ALREADY_TRACKED',
  'NOT_PERMITTED',
  'TRACED',
  'EXTERNAL_SHARING',
]);

/** What is said of a process that has ended, or of another one that has its number by now. */
const over = new Set(['NO_SUCH_PROCESS', 'ZOMBIE', 'NOT_A_PROCESS']);

/** Whether an error is about one process alone, without which the others can be tracked. */
export function isUntrackable({ code }: TargetError): boolean {
  return untrackable.has(code);
}

/** Whether an error says that a process of a tree is there no more. */
export function isOver({ code }: TargetError): boolean {
  return over.has(code);
}

const advice = '; --skip-untrackable leaves it out of the tree';

/** The same error, for somebody who wants to have the others tracked. */
export function withAdvice(error: TargetError): TargetError {
  const { code, message, facts, cause } = error;
  if (message.endsWith(advice)) return error;
  return new TargetError(code, message + advice, { cause, facts });
}
