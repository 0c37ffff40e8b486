import { formatBytes, formatCount, formatDuration } from '../../report/units.js';
import type { TreeDumpReport } from '../../dump/tree/dump-tree.js';
import { defineCommand } from '../command.js';
import { dumpedOptions } from '../dumped-options.js';
import { parsePath, parsePid } from '../option-values.js';
import type { Output } from '../output.js';

/** `tracker dump PID --images DIR [--tree] [--leave-running] [--shell-job] [--external FD...]` */
export const dump = defineCommand({
  options: (yargs) =>
    dumpedOptions(
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
        .option('tree', {
          type: 'boolean',
          default: false,
          describe: 'With all processes that descend from it, as they are at one moment',
        })
        .option('leave-running', {
          type: 'boolean',
          default: false,
          describe: 'Let the process go on instead of ending it',
        }),
    ),

  async run(
    { pid, images, tree, 'leave-running': leaveRunning, 'shell-job': isShellJob, external },
    { output, signal },
  ) {
    const options = { pid, images, leaveRunning, isShellJob, external, signal };
    if (tree) {
      const { dumpTree } = await import('../../dump/tree/dump-tree.js');
      const report = await dumpTree(options);
      printTree(report, output);
      return { document: report };
    }
    const { dumpProcess } = await import('../../dump/process/dump.js');
    const report = await dumpProcess(options);
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

function printTree(report: TreeDumpReport, output: Output): void {
  const { pid, images, members, pages, refPages, bytes, freezeMs, isKilled } = report;
  const zombies = members.reduce((sum, { nrZombies }) => sum + nrZombies, 0);
  const more = zombies > 0 ? ` and ${formatCount(zombies, 'zombie')}` : '';
  output.print(
    `${images}: tree of pid ${pid} with ${formatCount(members.length, 'member')}${more}, ` +
      `${formatCount(pages, 'page')} (${formatBytes(bytes)}) and ${formatCount(refPages, 'ref')}`,
  );
  const end = isKilled ? 'were ended' : 'run on';
  output.print(`they stood for ${formatDuration(freezeMs)} and ${end}`);
}
