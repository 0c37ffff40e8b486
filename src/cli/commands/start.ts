import { defineCommand } from '../command.js';
import { isTracked } from '../is-tracked.js';
import { roundPrinter } from '../print-rounds.js';
import { targetOptions, trackerOptions } from '../target-options.js';

/** `tracker start PID --images DIR` */
export const start = defineCommand({
  options: targetOptions,

  async run({ pid, images }, context) {
    const Tracker = await context.services.tracker();
    const { tracker, round } = await Tracker.start(trackerOptions({ pid, images }, context));
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
