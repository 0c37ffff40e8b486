import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect } from 'chai';
import { run } from '../../src/cli/run.js';
import { packageRoot } from '../../src/package-root.js';

/** What a run of the command line has come to. */
export interface CommandResult {
  /** null: ended by a signal */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The errors that `--json` prints. */
export interface FailureDocument {
  error: { code: string; message: string; facts: Record<string, unknown> };
}

/** Runs a command line in this process: under emulation a start of Node.js takes many seconds. */
export async function runTracker(args: readonly string[]): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  const code = await run(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    signal: new AbortController().signal,
  });
  return { code, stdout, stderr };
}

/** Runs bin/tracker in a process of its own, by a program that takes rights from it. */
function runWrapped(args: readonly string[], wrapper: readonly string[]): CommandResult {
  const [file = '', ...rest] = [...wrapper, path.join(packageRoot(), 'bin/tracker'), ...args];
  const { status, stdout, stderr } = spawnSync(file, rest, { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** What a command line prints of which nothing may go wrong. */
export async function trackerPrints(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTracker(args);
  expect(code, `tracker ${args.join(' ')}: ${stderr}${stdout}`).to.equal(0);
  return stdout;
}

/** What it prints with `--json`. */
export async function trackerDocument(...args: string[]): Promise<unknown> {
  return JSON.parse(await trackerPrints(...args, '--json'));
}

/**
 * What it prints with `--json` when it refuses to do something.
 * @param wrapper a program, with its arguments, that runs it with fewer rights
 */
export async function trackerRefusal(
  args: readonly string[],
  wrapper?: readonly string[],
): Promise<FailureDocument['error']> {
  const withJson = [...args, '--json'];
  const { code, stdout, stderr } = await (wrapper
    ? runWrapped(withJson, wrapper)
    : runTracker(withJson));
  expect(code, `tracker ${args.join(' ')}: ${stderr}${stdout}`).to.equal(1);
  return (JSON.parse(stdout) as FailureDocument).error;
}
