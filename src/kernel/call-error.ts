import {
  DeviceError,
  type Facts,
  isSystemError,
  TargetError,
  type TrackerError,
} from '../errors.js';

/** What a failed call says besides errno; the addon sets what the call has. */
interface CallFacts {
  holder?: number;
  busyTid?: number;
  nrDone?: number;
  nrPages?: number;
  nrVmas?: number;
}

const names = ['holder', 'busyTid', 'nrDone', 'nrPages', 'nrVmas'] as const;

/**
 * The error of a failed call on `/dev/tracker` as a person can use it.
 * @param error what the addon threw; anything else comes back as it is
 * @param doing what was being done, e.g. `swap 3 mappings of pid 12`
 * @param pid the target, 0 for none
 */
export function callError(error: unknown, doing: string, pid: number): unknown {
  if (!isSystemError(error)) return error;
  const facts = factsOf(error, pid);
  return (
    targetError(error.code, doing, pid, facts, error) ??
    deviceError(error.code, doing, facts, error)
  );
}

function targetError(
  code: string,
  doing: string,
  pid: number,
  facts: Facts & CallFacts,
  cause: Error,
): TrackerError | undefined {
  const options = { cause, facts };
  switch (code) {
    case 'ESRCH':
      return new TargetError(
        'NO_SUCH_PROCESS',
        `cannot ${doing}: pid ${pid} does not exist, has exited or has called exec`,
        options,
      );
    case 'EBUSY':
      return busyError(doing, facts, cause);
    case 'EPERM':
    case 'EACCES':
      return new TargetError(
        'NOT_PERMITTED',
        `cannot ${doing}: not permitted; run as root, or with CAP_SYS_PTRACE and ` +
          'CAP_CHECKPOINT_RESTORE in the initial user namespace',
        options,
      );
    default:
      return undefined;
  }
}

function busyError(doing: string, facts: Facts & CallFacts, cause: Error): TargetError {
  if (facts.holder === undefined) {
    return new TargetError(
      'NOT_STOPPED',
      `cannot ${doing}: thread ${facts.busyTid ?? 0} on its memory is not stopped; freeze its ` +
        'process as well and try again',
      { cause, facts },
    );
  }
  return new TargetError(
    'CONTROLLER_BUSY',
    `cannot ${doing}: another controller, ${holderName(facts.holder)}, is working on it; wait ` +
      'until it is done',
    { cause, facts },
  );
}

/** The module gives 0 for a process that has no pid in this namespace. */
function holderName(pid: number): string {
  return pid > 0 ? `pid ${pid}` : 'outside this pid namespace';
}

function deviceError(code: string, doing: string, facts: Facts, cause: Error): TrackerError {
  const options = { cause, facts };
  switch (code) {
    case 'ENOMEM':
      return new DeviceError(
        'NO_MEMORY',
        `cannot ${doing}: the kernel is out of memory; the target keeps its data`,
        options,
      );
    case 'ESTALE':
      return new DeviceError(
        'STALE_EPOCH',
        `cannot ${doing}: it is not the last harvest, or its pages went back into the log; ` +
          'harvest again',
        options,
      );
    case 'ENOTTY':
      return new DeviceError(
        'ABI_MISMATCH',
        `cannot ${doing}: the loaded module does not know this call; load the module that was ` +
          'built with this program',
        options,
      );
    default:
      return new DeviceError('CALL_FAILED', `cannot ${doing}: ${cause.message}`, options);
  }
}

function factsOf(error: Error & CallFacts, pid: number): Facts & CallFacts {
  const facts: Record<string, number> = pid > 0 ? { pid } : {};
  for (const name of names) {
    const value = error[name];
    if (value !== undefined) facts[name] = value;
  }
  return facts;
}
