import { formatBytes, formatCount, formatDuration } from '../../report/units.js';
import { defineCommand } from '../command.js';
import { parseFds, parsePath, parsePid } from '../option-values.js';

/** `tracker dump PID --images DIR [--leave-running] [--shell-job] [--external FD...]` */
export const dump = defineCommand({
  options: (yargs) =>
    yargs
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
        describe: 'A new directory for the images',
        coerce: parsePath('--images'),
      })
      .option('leave-running', {
        type: 'boolean',
        default: false,
        describe: 'Let the process go on instead of ending it',
      })
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
      }),

  async run(
    { pid, images, 'leave-running': leaveRunning, 'shell-job': isShellJob, external },
    { output, signal },
  ) {
    const { dumpProcess } = await import('../../dump/process/dump.js');
    const report = await dumpProcess({ pid, images, leaveRunning, isShellJob, external, signal });
    const { nrThreads, nrVmas, nrFiles, pages, bytes, freezeMs, isKilled } = report;
    output.print(
      `${images}: pid ${pid} with ${formatCount(nrThreads, 'thread')}, ` +
        `${formatCount(nrVmas, 'mapping')}, ${formatCount(nrFiles, 'descriptor')}, ` +
        `${formatCount(pages, 'page')} (${formatBytes(bytes)})`,
    );
    const end = isKilled ? 'was ended' : 'runs on';
    output.print(`pid ${pid} stood for ${formatDuration(freezeMs)} and ${end}`);
    return { document: report };
  },

  interrupted: ({ pid, images }) => `pid ${pid} runs on, and nothing is left in ${images}`,
});
