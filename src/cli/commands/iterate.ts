import type { RoundReport } from '../../dump/reports.js';
import { defineCommand } from '../command.js';
import { parseCount } from '../option-values.js';
import { roundPrinter } from '../print-rounds.js';
import type { RoundLimits } from '../services.js';
import { targetOptions, trackerOptions } from '../target-options.js';

interface LimitOptions {
  rounds?: number | undefined;
  interval?: number | undefined;
  until?: number | undefined;
}

/** `tracker iterate PID --images DIR [--rounds N] [--interval MS] [--until PAGES]` */
export const iterate = defineCommand({
  options: (yargs) =>
    targetOptions(yargs)
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
    const rounds: RoundReport[] = [];
    const Tracker = await context.services.tracker();
    await using tracker = await Tracker.resume(trackerOptions(options, context));
    const print = roundPrinter(context.output);
    try {
      for await (const round of tracker.rounds(toLimits(options))) {
        rounds.push(round);
        print(round);
      }
    } catch (error) {
      return { document: { rounds }, error };
    }
    return { document: { rounds } };
  },

  interrupted: ({ pid }) =>
    `the running round was dropped, its dirty pages are back in the log; pid ${pid} runs and ` +
    'stays tracked',
});

function toLimits({ rounds, interval, until }: LimitOptions): RoundLimits {
  return {
    ...(rounds !== undefined && { count: rounds }),
    ...(interval !== undefined && { intervalMs: interval }),
    ...(until !== undefined && { until }),
  };
}
