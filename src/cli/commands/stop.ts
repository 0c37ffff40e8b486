import type { StopReport, VerifyReport } from '../../dump/reports.js';
import { formatCount, formatDuration } from '../../report/units.js';
import { defineCommand } from '../command.js';
import { isTracked } from '../is-tracked.js';
import { roundPrinter } from '../print-rounds.js';
import { targetOptions, trackerOptions } from '../target-options.js';

/** `tracker stop PID --images DIR [--kill] [--verify]` */
export const stop = defineCommand({
  options: (yargs) =>
    targetOptions(yargs)
      .option('kill', {
        type: 'boolean',
        default: false,
        describe: 'End the process instead of letting it go on',
      })
      .option('verify', {
        type: 'boolean',
        default: false,
        describe: 'Compare all of its memory with the images; fail if a write is lost',
      }),

  async run({ pid, images, kill, verify }, context) {
    const Tracker = await context.services.tracker();
    await using tracker = await Tracker.resume(trackerOptions({ pid, images }, context));
    const report = await tracker.stop({ kill, verify });
    const { output } = context;
    roundPrinter(output)(report.final);
    output.print(formatEnd(pid, report));
    if (report.verify) output.print(formatVerdict(report.verify));
    return {
      document: { pid, images, ...report },
      isFailure: report.verify !== null && report.verify.lostWrites !== 0,
    };
  },

  async interrupted({ pid }, services) {
    return (await isTracked(pid, services))
      ? `the final round was dropped; pid ${pid} runs and stays tracked`
      : `the final round is stored and pid ${pid} runs on untracked; it was not compared to the end`;
  },
});

function formatEnd(pid: number, { freezeMs, revertMs, revertedVmas, isKilled }: StopReport) {
  if (isKilled) return `pid ${pid} is killed`;
  const mappings = formatCount(revertedVmas, 'mapping');
  return (
    `pid ${pid} runs on untracked: ${mappings} put back in ${formatDuration(revertMs)}, ` +
    `it stood for ${formatDuration(freezeMs)}`
  );
}

function formatVerdict({ pages, unreadable, durationMs, ...found }: VerifyReport) {
  const { lostWrites, lostAddresses, changedByOthers } = found;
  const compared = `compared: ${formatCount(pages, 'page')} in ${formatDuration(durationMs)}`;
  return [
    unreadable === 0 ? compared : `${compared}; ${unreadable} more cannot be read`,
    `lost writes: ${lostWrites}`,
    ...lostAddresses.map((address) => `  at ${address}`),
    ...(changedByOthers === 0
      ? []
      : [`changed by other processes meanwhile: ${formatCount(changedByOthers, 'page')}`]),
  ].join('\n');
}
