import type { StopReport, VerifyReport } from '../../dump/reports.js';
import { formatCount, formatDuration } from '../../report/units.js';
import { formatEnds } from '../../report/tree-tables.js';
import type { TreeStopReport } from '../../tree/tree-reports.js';
import { type Context, defineCommand, type Outcome } from '../command.js';
import { type DumpedOptions, dumpedOptions } from '../dumped-options.js';
import { isTracked } from '../is-tracked.js';
import { roundPrinter, treeRoundPrinter } from '../print-rounds.js';
import {
  singlePid,
  skipOption,
  type SkipOptions,
  type TargetOptions,
  targetOptions,
  trackerOptions,
  treeResumeOptions,
} from '../target-options.js';
import { UsageError } from '../usage-error.js';

interface StopOptions extends TargetOptions, DumpedOptions, SkipOptions {
  kill: boolean;
  verify: boolean;
}

/**
 * `tracker stop [PID...] --images DIR [--kill] [--verify] [--skip-untrackable] [--shell-job]
 * [--external FD...]`
 */
export const stop = defineCommand({
  options: (yargs) =>
    dumpedOptions(skipOption(targetOptions(yargs)))
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

  async run(options, context) {
    const { images, kill, verify, external, 'shell-job': isShellJob } = options;
    const pid = await singlePid(options, context);
    if (pid === undefined) return stopTree(options, context);
    const Tracker = await context.services.tracker();
    await using tracker = await Tracker.resume(trackerOptions({ pid, images }, context));
    const report = await tracker.stop({ kill, verify, external, isShellJob });
    const { output } = context;
    roundPrinter(output)(report.final);
    output.print(formatEnd(pid, report));
    output.print(formatProcess(images, report));
    if (report.verify) output.print(formatVerdict(report.verify));
    const isWrong = report.verify !== null && report.verify.lostWrites !== 0;
    return {
      document: { pid, images, ...report },
      isFailure: isWrong || (kill && !report.isKilled),
    };
  },

  async interrupted({ pid, images }, services) {
    const [only, ...others] = pid;
    if (only === undefined || others.length > 0)
      return `tracker status --images ${images} tells which processes are still tracked`;
    return (await isTracked(only, services))
      ? `the final round was dropped; pid ${only} runs and stays tracked`
      : `the final round is stored and pid ${only} runs on untracked; it was not compared to the end`;
  },
});

async function stopTree(options: StopOptions, context: Context): Promise<Outcome> {
  const { images, kill, verify, external, 'shell-job': isShellJob } = options;
  if (isShellJob || external.length > 0)
    throw new UsageError(`--shell-job and --external are for one process: ${images} is of a tree`);
  const TreeTracker = await context.services.tree();
  await using tracker = await TreeTracker.resume(treeResumeOptions(options, context));
  const report = await tracker.stop({ kill, verify });
  const { output } = context;
  treeRoundPrinter(output)(report.final);
  output.print(formatEnds(report));
  output.print(formatTreeEnd(report));
  if (report.verify)
    output.print(formatVerdict({ ...report.verify, lostAddresses: lostOf(report) }));
  const isWrong = report.verify !== null && report.verify.lostWrites !== 0;
  return {
    document: { images, ...report },
    isFailure: isWrong || (kill && !report.isKilled),
  };
}

function lostOf({ members }: TreeStopReport): string[] {
  return members.flatMap(({ pid, verify }) =>
    (verify?.lostAddresses ?? []).map((address) => `${address} of pid ${pid}`),
  );
}

function formatTreeEnd({ members, freezeMs, revertMs, isKilled }: TreeStopReport): string {
  const who = formatCount(members.length, 'member');
  if (isKilled) return `killed: ${who}`;
  const mappings = formatCount(
    members.reduce((sum, { revertedVmas }) => sum + revertedVmas, 0),
    'mapping',
  );
  return (
    `untracked: ${who}; ${mappings} put back in ${formatDuration(revertMs)}, all stood for at most ` +
    formatDuration(freezeMs)
  );
}

function formatEnd(pid: number, { freezeMs, revertMs, revertedVmas, isKilled }: StopReport) {
  if (isKilled) return `pid ${pid} is killed`;
  const mappings = formatCount(revertedVmas, 'mapping');
  return (
    `pid ${pid} runs on untracked: ${mappings} put back in ${formatDuration(revertMs)}, ` +
    `it stood for ${formatDuration(freezeMs)}`
  );
}

function formatProcess(images: string, { process: stored, notRestorable }: StopReport): string {
  if (!stored) return `memory alone is in ${images}: ${notRestorable ?? ''}`;
  const { nrThreads, nrFiles, round } = stored;
  const parts = `${formatCount(nrThreads, 'thread')}, ${formatCount(nrFiles, 'descriptor')}`;
  return `round ${round} has the process (${parts}): tracker restore ${images}`;
}

function formatVerdict({ pages, unreadable, durationMs, ...found }: VerifyReport) {
  const { lostWrites, lostAddresses, changedByOthers, beyondEnd } = found;
  const compared = `compared: ${formatCount(pages, 'page')} in ${formatDuration(durationMs)}`;
  return [
    unreadable === 0 ? compared : `${compared}; ${unreadable} more cannot be read`,
    `lost writes: ${lostWrites}`,
    ...lostAddresses.map((address) => `  at ${address}`),
    ...(beyondEnd === 0
      ? []
      : [
          `behind the end of their files, where there is nothing: ${formatCount(beyondEnd, 'page')}`,
        ]),
    ...(changedByOthers === 0
      ? []
      : [`changed by other processes meanwhile: ${formatCount(changedByOthers, 'page')}`]),
  ].join('\n');
}
