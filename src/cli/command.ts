import type { Argv } from 'yargs';
import type { Output } from './output.js';
import type { Services } from './services.js';

/** What a command works with besides its options. */
export interface Context {
  output: Output;
  /** aborted when the program shall end; its reason is an `Interruption` */
  signal: AbortSignal;
  services: Services;
}

/** What a command has come to. A command that has nothing to show for it throws instead. */
export interface Outcome {
  /** printed with `--json` */
  document: object;
  /** what ended the command after it had something to show */
  error?: unknown;
  /** the command has done its work, and found what must not be */
  isFailure?: boolean;
  /** what the command ends with if it did not fail: another program's exit code; 0 if absent */
  exitCode?: number;
}

/** A command: what it takes, and what it does. */
export interface Command<Options> {
  options: (yargs: Argv) => Argv<Options>;
  run: (options: Options, context: Context) => Promise<Outcome>;
  /** how things are after Ctrl-C, for a person */
  interrupted?: (options: Options, services: Services) => string | Promise<string>;
}

/** A command whose options only itself knows. */
export type AnyCommand = Command<object>;

/** Checks a command's types, then forgets them: yargs gives `run` what `options` has asked for. */
export function defineCommand<Options>(command: Command<Options>): AnyCommand {
  return command as unknown as AnyCommand;
}
