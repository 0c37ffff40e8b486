import { constants } from 'node:os';

/** Exit codes; a command that a signal ended exits with 128 and the signal's number, as a shell. */
export const exitCode = { ok: 0, failure: 1, usage: 2, signalBase: 128 } as const;

/** The signals that end a command cleanly; SIGPIPE stands for a closed standard output. */
export type EndingSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE';

/** 130 for SIGINT. */
export function signalExitCode(signal: EndingSignal): number {
  return exitCode.signalBase + constants.signals[signal];
}
