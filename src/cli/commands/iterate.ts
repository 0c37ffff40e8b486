import { defineCommand, type Outcome } from '../command.js';
import { parseCount } from '../option-values.js';
import { roundPrinter, treeRoundPrinter } from '../print-rounds.js';
import type { RoundLimits } from '../services.js';
import {
  nameTargets,
  singlePid,
  skipOption,
  targetOptions,
  trackerOptions,
  treeResumeOptions,
} from '../target-options.js';

interface LimitOptions {
  rounds?: number | undefined;
  interval?: number | undefined;
  until?: number | undefined;
}

/**
 * `tracker iterate [PID...] --images DIR [--rounds N] [--interval MS] [--until PAGES]
 * [--skip-untrackable]`
 */
export const iterate = defineCommand({
  options: (yargs) =>
    skipOption(targetOptions(yargs))
      .option('rounds', {
        type: 'string',
        requiresArg: true,
        describe: 'Take at most so many; without it and --until, go on until Ctrl-C',
        coerce: parseCount('rounds', 1),
      })
      .option('interval', {
        type: 'string',
        requiresArg: true,
        describe: 'Milliseconds to wait between two rounds',
        coerce: parseCount('interval', 0),
      })
      .option('until', {
        type: 'string',
        requiresArg: true,
        describe: 'End after a round with at most so many dirty pages',
        coerce: parseCount('until', 0),
      }),

  async run(options, context) {
    const { images } = options;
    const limits = toLimits(options);
    const pid = await singlePid(options, context);
    if (pid === undefined) {
      const TreeTracker = await context.services.tree();
      await using tracker = await TreeTracker.resume(treeResumeOptions(options, context));
      return await takeRounds(tracker.rounds(limits), treeRoundPrinter(context.output));
    }
    const Tracker = await context.services.tracker();
    await using tracker = await Tracker.resume(trackerOptions({ pid, images }, context));
    return await takeRounds(tracker.rounds(limits), roundPrinter(context.output));
  },

  interrupted: (options) =>
    'the running round was dropped, its dirty pages are back in the log; ' +
    (options.pid.length === 1
      ? `${nameTargets(options)} runs and stays tracked`
      : `${nameTargets(options)} run and stay tracked`),
});

async function takeRounds<Round>(
  taken: AsyncIterable<Round>,
  print: (round: Round) => void,
): Promise<Outcome> {
  const rounds: Round[] = [];
  try {
    for await (const round of taken) {
      rounds.push(round);
      print(round);
    }
  } catch (error) {
    return { document: { rounds }, error };
  }
  return { document: { rounds } };
}

function toLimits({ rounds, interval, until }: LimitOptions): RoundLimits {
  return {
    ...(rounds !== undefined && { count: rounds }),
    ...(interval !== undefined && { intervalMs: interval }),
    ...(until !== undefined && { until }),
  };
}
