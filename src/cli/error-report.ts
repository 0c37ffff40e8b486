import type { Facts, TrackerError } from '../errors.js';
import { printable } from '../report/printable.js';

/** An error as `--json` has it. */
export interface ErrorDocument {
  code: string;
  message: string;
  facts: Facts;
}

/** By its shape: a program may have loaded the library, and with it the class, twice. */
export function isTrackerError(error: unknown): error is TrackerError {
  return error instanceof Error && 'code' in error && 'facts' in error;
}

/** An error for a program. What nobody has thought of has the code `INTERNAL`. */
export function describeError(error: unknown): ErrorDocument {
  const cause = rootOf(error);
  const message = messageOf(cause);
  if (!isTrackerError(cause)) return { code: 'INTERNAL', message, facts: {} };
  return { code: cause.code, message, facts: cause.facts };
}

/** An error for a person, in one line; with `isVerbose` also code, facts, causes and stack. */
export function formatError(error: unknown, isVerbose: boolean): string {
  const cause = rootOf(error);
  const lines = [`tracker: ${printable(messageOf(cause))}`];
  if (!isTrackerError(cause)) {
    lines.push('This is a bug in tracker: please report it with what --verbose prints.');
  }
  if (isVerbose) lines.push(...formatDetails(cause), ...formatSuppressed(error));
  return lines.join('\n');
}

function formatDetails(error: unknown): string[] {
  const lines = isTrackerError(error) ? formatFacts(error) : formatStack(error);
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    lines.push(`  caused by: ${printable(nameOf(cause) + messageOf(cause))}`);
  }
  return lines;
}

function formatFacts({ code, facts }: TrackerError): string[] {
  const lines = Object.entries(facts).map(([name, value]) => `  ${name}: ${printable(`${value}`)}`);
  return [`  code: ${code}`, ...lines];
}

function formatStack(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .map(printable);
}

/** A `using` that failed on the way out hides the error it was left with. */
function rootOf(error: unknown): unknown {
  let root = error;
  while (isSuppressed(root)) root = root.suppressed;
  return root;
}

function formatSuppressed(error: unknown): string[] {
  const lines: string[] = [];
  for (let next = error; isSuppressed(next); next = next.suppressed) {
    lines.push(`  then, while cleaning up: ${printable(messageOf(next.error))}`);
  }
  return lines;
}

function isSuppressed(error: unknown): error is { error: unknown; suppressed: unknown } {
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? undefined) : undefined;
}

function nameOf(error: unknown): string {
  if (isTrackerError(error)) return `${error.code}: `;
  return error instanceof Error ? `${error.name}: ` : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
