import { nrExtentsOf } from '../../report/round-summary.js';
import { formatBytes, formatCount } from '../../report/units.js';
import { type Context, defineCommand } from '../command.js';
import { parseCount, parsePath } from '../option-values.js';

const progressMs = 250;

/** `tracker squash DIR OUT [--up-to N]` */
export const squash = defineCommand({
  options: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe: 'The images',
        coerce: parsePath('DIR'),
      })
      .positional('out', {
        type: 'string',
        demandOption: true,
        describe: 'A new directory',
        coerce: parsePath('OUT'),
      })
      .option('up-to', {
        type: 'string',
        requiresArg: true,
        describe: 'The round whose memory to keep; the last one without it',
        coerce: parseCount('up-to', 0),
      }),

  async run({ dir, out, 'up-to': upTo }, { output, signal }) {
    const images = await import('../../image/squash.js');
    const limit = upTo === undefined ? {} : { upTo };
    await using job = await watchJob(dir, upTo, output);
    const meta = await images.squash(dir, out, { ...limit, signal, progress: job.progress });
    const pages = meta.stats['pages'] ?? 0;
    const result = { directory: out, pages, bytes: meta.pagesBytes, extents: nrExtentsOf(meta) };
    output.print(
      `${out}: one full round, ${formatCount(pages, 'page')}, ${formatBytes(meta.pagesBytes)}`,
    );
    const epoch = meta.members[0]?.epoch ?? 0;
    return { document: { ...result, epoch, time: meta.time, stats: meta.stats } };
  },

  interrupted: ({ out }) => `nothing is left in ${out}`,
});

/** Draws how far the copying is, until it is disposed. */
async function watchJob(dir: string, upTo: number | undefined, { progress }: Context['output']) {
  const cell = new Float64Array(1);
  const totalPages = progress.isOn ? await countCopiedPages(dir, upTo) : 0;
  const timer = setInterval(() => {
    progress.update({ phase: 'copy', donePages: cell[0] ?? 0, totalPages });
  }, progressMs);
  return {
    progress: cell,
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

async function countCopiedPages(dir: string, upTo: number | undefined): Promise<number> {
  const { ImageDirectory, planSquash } = await import('../../image/index.js');
  await using directory = await ImageDirectory.open(dir, { upTo });
  return planSquash(directory.rounds).nrPages;
}
