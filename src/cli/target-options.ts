import type { Argv } from 'yargs';
import type { Context } from './command.js';
import { parsePath, parsePid } from './option-values.js';
import type { TrackerOptions } from './services.js';

/** Which process, and where its images are. */
export interface TargetOptions {
  pid: number;
  images: string;
}

/** The options of every command that controls a target. */
export function targetOptions(yargs: Argv): Argv<TargetOptions> {
  return yargs
    .positional('pid', {
      type: 'string',
      demandOption: true,
      describe: 'The process',
      coerce: parsePid,
    })
    .option('images', {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'Directory of its images',
      coerce: parsePath('--images'),
    });
}

/** What `Tracker` is opened with. */
export function trackerOptions(
  { pid, images }: TargetOptions,
  { output, signal }: Context,
): TrackerOptions {
  const onProgress: TrackerOptions['onProgress'] = (progress) => {
    output.progress.update(progress);
  };
  return { pid, images, signal, onProgress };
}
