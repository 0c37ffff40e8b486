import type { Argv } from 'yargs';
import { parseFds } from './option-values.js';

/** How a process is going to be restored, as far as its images must know. */
export interface DumpedOptions {
  'shell-job': boolean;
  external: number[];
}

/** Adds `--shell-job` and `--external FD...`. */
export function dumpedOptions<T>(yargs: Argv<T>): Argv<T & DumpedOptions> {
  return yargs
    .option('shell-job', {
      type: 'boolean',
      default: false,
      describe: 'It runs on a terminal: the restore gives it its own',
    })
    .option('external', {
      type: 'string',
      array: true,
      nargs: 1,
      default: [],
      requiresArg: true,
      describe: 'A descriptor that the restore is going to be handed',
      coerce: parseFds('external'),
    });
}
