import { defineCommand } from '../command.js';
import { isTracked } from '../is-tracked.js';
import { roundPrinter } from '../print-rounds.js';
import { targetOptions, trackerOptions } from '../target-options.js';

/** `tracker start PID --images DIR [--allow-external-sharing]` */
export const start = defineCommand({
  options: (yargs) =>
    targetOptions(yargs).option('allow-external-sharing', {
      type: 'boolean',
      default: false,
      describe: 'Go on where other processes map its shared memory too',
    }),

  async run({ pid, images, 'allow-external-sharing': allowExternalSharing }, context) {
    const Tracker = await context.services.tracker();
    const options = { ...trackerOptions({ pid, images }, context), allowExternalSharing };
    const { tracker, round } = await Tracker.start(options);
    await tracker[Symbol.asyncDispose]();
    roundPrinter(context.output)(round);
    context.output.print(
      `pid ${pid} is tracked; go on with: tracker iterate ${pid} --images ${images}`,
    );
    return { document: { pid, images, round } };
  },

  async interrupted({ pid, images }, services) {
    return (await isTracked(pid, services))
      ? `pid ${pid} could not be put back and stays tracked; end that with tracker stop ${pid}`
      : `the memory of pid ${pid} is as it was before, and nothing is left in ${images}`;
  },
});
