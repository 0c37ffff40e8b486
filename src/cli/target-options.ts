import type { Argv } from 'yargs';
import type { Context } from './command.js';
import { parsePath, parsePids } from './option-values.js';
import type { TrackerOptions, TreeOptions } from './services.js';

/** Which processes, and where their images are. */
export interface TargetOptions {
  /** none: those that the images are of */
  pid: number[];
  images: string;
}

/** The options of every command that controls targets. */
export function targetOptions(yargs: Argv): Argv<TargetOptions> {
  return yargs
    .positional('pid', {
      type: 'string',
      array: true,
      default: [],
      describe: 'The process, or several that are tracked together',
      coerce: parsePids,
    })
    .option('images', {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'Directory of the images',
      coerce: parsePath('--images'),
    });
}

/** What is done about processes of a tree that cannot be tracked. */
export interface SkipOptions {
  'skip-untrackable': boolean;
}

/** Of commands that go on with a tree: what was said at the start holds without it. */
export function skipOption<Options>(yargs: Argv<Options>): Argv<Options & SkipOptions> {
  return yargs.option('skip-untrackable', {
    type: 'boolean',
    default: false,
    describe: 'Leave out, and name, what cannot be tracked; for several processes',
  });
}

/** What `TreeTracker` is opened with to go on. */
export function treeResumeOptions(options: TargetOptions & SkipOptions, context: Context) {
  return {
    ...treeOptions(options.images, context),
    pids: options.pid,
    ...(options['skip-untrackable'] && { skipUntrackable: true }),
  };
}

/** What `Tracker` is opened with. */
export function trackerOptions(
  { pid, images }: { pid: number; images: string },
  context: Context,
): TrackerOptions {
  return { pid, ...treeOptions(images, context) };
}

/** What `TreeTracker` is opened with. */
export function treeOptions(images: string, { output, signal }: Context): TreeOptions {
  const onProgress: TreeOptions['onProgress'] = (progress) => {
    output.progress.update(progress);
  };
  return { images, signal, onProgress };
}

/** The one process that images are of alone; nothing where they are of a tree. */
export async function singlePid(
  { pid, images }: TargetOptions,
  { services }: Pick<Context, 'services'>,
): Promise<number | undefined> {
  const [only, ...others] = pid;
  if (only === undefined || others.length > 0) return undefined;
  return (await services.isTree(images)) ? undefined : only;
}

/** `pid 12`, or `the processes of DIR`. */
export function nameTargets({ pid, images }: TargetOptions): string {
  return pid.length === 1 ? `pid ${pid.join()}` : `the processes of ${images}`;
}
