/** Facts that go with an error: which process, file, round or call it is about. */
export type Facts = Readonly<Record<string, string | number | boolean | bigint>>;

/** Where an error comes from, and whether a person can do something about it. */
export interface TrackerErrorOptions extends ErrorOptions {
  facts?: Facts;
}

/**
 * Base of every error that tracker raises on purpose. The message says what was
 * being done, to which pid or file, and what to do next; `code` is stable.
 */
export class TrackerError extends Error {
  override name = 'TrackerError';
  readonly facts: Facts;

  constructor(
    readonly code: string,
    message: string,
    { facts = {}, ...options }: TrackerErrorOptions = {},
  ) {
    super(message, options);
    this.facts = facts;
  }
}

/** The kernel module is missing, of another ABI version, or refused a call. */
export class DeviceError extends TrackerError {
  override name = 'DeviceError';
}

/** The target process cannot be tracked, frozen or read. */
export class TargetError extends TrackerError {
  override name = 'TargetError';
}

/** An images directory is not usable: foreign, damaged, newer, or does not fit. */
export class ImageError extends TrackerError {
  override name = 'ImageError';
}

/** A failed system call as the native addon reports it. */
export interface SystemError extends Error {
  /** errno name, e.g. `ESRCH` */
  code: string;
  errno: number;
  syscall: string;
}

/** Tells a failed system call from any other thrown value. */
export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
