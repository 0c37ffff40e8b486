import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect } from 'chai';
import { packageRoot } from '../../src/package-root.js';

/** What a run of the command line has come to. */
export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The errors that `--json` prints. */
export interface FailureDocument {
  error: { code: string; message: string; facts: Record<string, unknown> };
}

/**
 * Runs bin/tracker in a process of its own.
 * @param wrapper a program, with its arguments, that runs it with fewer rights
 */
export function runTracker(
  args: readonly string[],
  wrapper: readonly string[] = [],
): CommandResult {
  const [file = '', ...rest] = [...wrapper, path.join(packageRoot(), 'bin/tracker'), ...args];
  const { status, stdout, stderr } = spawnSync(file, rest, { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** The same, of which nothing may go wrong. */
export function trackerPrints(...args: string[]): string {
  const { code, stdout, stderr } = runTracker(args);
  expect(code, `tracker ${args.join(' ')}: ${stderr}${stdout}`).to.equal(0);
  return stdout;
}

/** What it prints with `--json`. */
export function trackerDocument(...args: string[]): unknown {
  return JSON.parse(trackerPrints(...args, '--json'));
}

/** What it prints with `--json` when it refuses to do something. */
export function trackerRefusal(
  args: readonly string[],
  wrapper?: readonly string[],
): FailureDocument['error'] {
  const { code, stdout, stderr } = runTracker([...args, '--json'], wrapper);
  expect(code, `tracker ${args.join(' ')}: ${stderr}${stdout}`).to.equal(1);
  return (JSON.parse(stdout) as FailureDocument).error;
}
