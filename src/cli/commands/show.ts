import { defineCommand } from '../command.js';
import { parseCount, parsePath } from '../option-values.js';

/** `tracker show DIR [--vma] [--pages] [--sharing] [--member N] [--round N] [--follow]` */
export const show = defineCommand({
  options: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe: 'The images',
        coerce: parsePath('DIR'),
      })
      .option('vma', {
        type: 'boolean',
        default: false,
        describe: 'The mappings of the last round, or of --round',
      })
      .option('pages', {
        type: 'boolean',
        default: false,
        describe: 'Which pages each round stores, or --round alone',
      })
      .option('sharing', {
        type: 'boolean',
        default: false,
        describe: 'Which processes share how many pages in the last round, or in --round',
      })
      .option('member', {
        type: 'string',
        requiresArg: true,
        describe: 'Whose mappings and pages, by its number; the first process without it',
        coerce: parseCount('member', 0),
      })
      .option('round', {
        type: 'string',
        requiresArg: true,
        describe: 'A round number, for --vma, --pages and --sharing',
        coerce: parseCount('round', 0),
      })
      .option('follow', {
        type: 'boolean',
        default: false,
        describe: 'Show rounds as they appear, until Ctrl-C',
      }),

  async run({ dir, follow, ...options }, context) {
    if (follow) {
      const { showNewRounds } = await import('../show/show-new-rounds.js');
      return showNewRounds(dir, context);
    }
    const { showImages } = await import('../show/show-images.js');
    return showImages(dir, options, context.output);
  },
});
