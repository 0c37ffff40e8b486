import type { Argv } from 'yargs';
import { formatMembers } from '../../report/tree-tables.js';
import { type Context, defineCommand, type Outcome } from '../command.js';
import { isTracked } from '../is-tracked.js';
import { parsePath } from '../option-values.js';
import { roundPrinter, treeRoundPrinter } from '../print-rounds.js';
import {
  nameTargets,
  skipOption,
  type SkipOptions,
  type TargetOptions,
  targetOptions,
  trackerOptions,
  treeOptions,
} from '../target-options.js';
import { UsageError } from '../usage-error.js';

interface StartOptions extends TargetOptions, SkipOptions {
  tree: boolean;
  cgroup: string | undefined;
  'allow-external-sharing': boolean;
}

/**
 * `tracker start PID... --images DIR [--tree] [--cgroup PATH] [--skip-untrackable]
 * [--allow-external-sharing]`
 */
export const start = defineCommand<StartOptions>({
  options: (yargs) =>
    startOptions(targetOptions(yargs)).check(({ pid, cgroup }) => {
      if (pid.length === 0 && cgroup === undefined)
        throw new UsageError('not enough arguments: wanted PID');
      return true;
    }),

  async run(options, context) {
    const [pid, ...others] = options.pid;
    const isSingle = others.length === 0 && !options.tree && options.cgroup === undefined;
    if (pid === undefined || !isSingle) return startTree(options, context);
    const { images, 'allow-external-sharing': allowExternalSharing } = options;
    const Tracker = await context.services.tracker();
    const { tracker, round } = await Tracker.start({
      ...trackerOptions({ pid, images }, context),
      allowExternalSharing,
    });
    await tracker[Symbol.asyncDispose]();
    roundPrinter(context.output)(round);
    context.output.print(
      `pid ${pid} is tracked; go on with: tracker iterate ${pid} --images ${images}`,
    );
    return { document: { pid, images, round } };
  },

  async interrupted(options, services) {
    const { pid, images } = options;
    const tracked: number[] = [];
    for (const one of pid) if (await isTracked(one, services)) tracked.push(one);
    return tracked.length > 0
      ? `pid ${tracked.join(', ')} could not be put back and stays tracked; end that with tracker ` +
          `stop ${tracked.join(' ')}`
      : `the memory of ${nameTargets(options)} is as it was before, and nothing is left in ${images}`;
  },
});

function startOptions(yargs: Argv<TargetOptions>): Argv<StartOptions> {
  return skipOption(yargs)
    .option('tree', {
      type: 'boolean',
      default: false,
      describe: 'Its descendants too, those to come as well',
    })
    .option('cgroup', {
      type: 'string',
      requiresArg: true,
      describe: 'The processes of a cgroup (version 2) too, by its path below /sys/fs/cgroup',
      coerce: parsePath('--cgroup'),
    })
    .option('allow-external-sharing', {
      type: 'boolean',
      default: false,
      describe: 'Go on where other processes map its shared memory too',
    });
}

async function startTree(options: StartOptions, context: Context): Promise<Outcome> {
  const { pid: pids, tree: isTree, cgroup, images } = options;
  const TreeTracker = await context.services.tree();
  const { tracker, round } = await TreeTracker.start({
    ...treeOptions(images, context),
    pids,
    isTree,
    ...(cgroup !== undefined && { cgroup }),
    skipUntrackable: options['skip-untrackable'],
    allowExternalSharing: options['allow-external-sharing'],
  });
  await tracker[Symbol.asyncDispose]();
  const { output } = context;
  treeRoundPrinter(output)(round);
  output.print(formatMembers(round));
  output.print(`they are tracked; go on with: tracker iterate --images ${images}`);
  return { document: { pids: round.members.map(({ pid }) => pid), images, round } };
}
