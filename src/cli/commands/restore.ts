import type { RoundReport } from '../../dump/reports.js';
import type { Frozen } from '../../proc/freeze.js';
import type { SharingReport } from '../../restore/restore.js';
import { formatCount, formatDuration } from '../../report/units.js';
import { type Context, defineCommand, type Outcome } from '../command.js';
import { exitCode } from '../exit-code.js';
import { SignalForwarding } from '../forward-signals.js';
import { parseInherited, parsePath } from '../option-values.js';
import { UsageError } from '../usage-error.js';

interface RestoreOptions {
  dir: string;
  detach: boolean;
  stopped: boolean;
  'shell-job': boolean;
  'pid-namespace': boolean;
  root?: string | undefined;
  'inherit-fd': Map<number, number>;
  track: boolean;
  'allow-external-sharing': boolean;
  report: boolean;
  'dry-run': boolean;
}

/**
 * `tracker restore DIR [--detach | --shell-job] [--stopped] [--pid-namespace] [--root DIR]
 * [--inherit-fd FD[:OWN]...] [--track [--allow-external-sharing]] [--report] [--dry-run]`
 */
export const restore = defineCommand<RestoreOptions>({
  options: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe: 'The images',
        coerce: parsePath('DIR'),
      })
      .option('detach', {
        type: 'boolean',
        default: false,
        describe: 'Return when it runs, instead of waiting for its end',
      })
      .option('stopped', {
        type: 'boolean',
        default: false,
        describe: 'Leave it, or all of its tree, stopped, until SIGCONT',
      })
      .option('shell-job', {
        type: 'boolean',
        default: false,
        describe: 'Give it this terminal, as to a job of the shell',
      })
      .option('pid-namespace', {
        type: 'boolean',
        default: false,
        describe: 'Restore one process into a new pid namespace, for when the pid is taken',
      })
      .option('root', {
        type: 'string',
        requiresArg: true,
        describe: 'Where the files of the one process are by now, instead of /',
        coerce: parsePath('--root'),
      })
      .option('inherit-fd', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        requiresArg: true,
        describe:
          "Hand in a descriptor of this command, as FD or FD:OWN; FD is the root's in a tree",
        coerce: parseInherited('inherit-fd'),
      })
      .option('track', {
        type: 'boolean',
        default: false,
        describe: 'Track one process from its first instruction on: its next round is a delta',
      })
      .option('allow-external-sharing', {
        type: 'boolean',
        default: false,
        describe: 'With --track: also where other processes map its shared memory',
      })
      .option('report', {
        type: 'boolean',
        default: false,
        describe: 'Say what the processes of a tree share, and fail where that is less than before',
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Say what would be done, step by step',
      }),

  run: (options, context) => {
    if (options.detach && options['shell-job'])
      throw new UsageError('--shell-job lends the terminal until the end: leave out --detach');
    if (options['pid-namespace'] && options['shell-job'])
      throw new UsageError(
        '--shell-job makes it a job of this session, which a pid namespace of its own does not know: ' +
          'leave out --pid-namespace',
      );
    return options['dry-run'] ? showPlan(options, context) : restoreImages(options, context);
  },

  interrupted: () => 'nothing of the process is left; the images are as they were',
});

async function showPlan(options: RestoreOptions, { output }: Context): Promise<Outcome> {
  const { planImages } = await import('../../restore/restore.js');
  const { describeStep, formatStep } = await import('../../restore/plan/describe-step.js');
  const { findTerminal } = await import('../../restore/lent-terminal.js');
  const terminal = options['shell-job'] ? findTerminal() : undefined;
  const steps = await planImages({ ...toRestore(options), terminal });
  for (const step of steps) output.print(formatStep(step));
  return { document: { images: options.dir, steps: steps.map(describeStep) } };
}

async function restoreImages(options: RestoreOptions, context: Context): Promise<Outcome> {
  const { restoreProcess, waitForExit } = await import('../../restore/restore.js');
  const { findTerminal, LentTerminal } = await import('../../restore/lent-terminal.js');
  const { output, signal } = context;
  const terminal = options['shell-job'] ? findTerminal() : undefined;
  using lent = terminal ? new LentTerminal(terminal) : undefined;
  using forwarding = new SignalForwarding();
  let round: RoundReport | undefined;
  const track = options.track ? await findTracking() : undefined;
  const beforeRun =
    track &&
    (async (frozen: Frozen) => {
      const allowExternalSharing = options['allow-external-sharing'];
      round = await track(frozen, { images: options.dir, allowExternalSharing });
    });
  let sharing: SharingReport | undefined;
  // Printed before anything runs: standard output may be the root's.
  const onSharing = options.report
    ? (report: SharingReport) => {
        sharing = report;
        output.print(formatSharing(report));
      }
    : undefined;
  const how = { ...toRestore(options), terminal, signal, beforeRun, onSharing };
  const restored = await restoreProcess(how);
  for (const warning of restored.warnings) output.warn(`tracker: ${warning}`);
  const { statusFd: _statusFd, ...facts } = restored;
  const { pid, hostPid, nrThreads, nrProcesses, durationMs } = facts;
  const more = { ...(round && { round }), ...(sharing && { sharing }) };
  const document = { images: options.dir, ...facts, ...more };
  if (options.detach) {
    const who = hostPid === pid ? '' : `, pid ${hostPid} outside of its namespace,`;
    const what = [
      ...(nrProcesses > 1 ? [`${nrProcesses} processes`] : []),
      formatCount(nrThreads, 'thread'),
    ];
    output.print(
      `pid ${pid}${who} runs again, with ${what.join(' and ')}, after ${formatDuration(durationMs)}`,
    );
    if (round)
      output.print(
        `round ${round.round}, ${formatCount(round.pages, 'page')}: it is tracked; ` +
          `tracker iterate ${hostPid} --images ${options.dir} goes on`,
      );
    return { document };
  }
  // Standard output may be the process' own now: nothing more is printed but with --json.
  forwarding.start(hostPid, signal);
  lent?.lendTo(hostPid);
  const exit = await waitForExit(restored);
  lent?.hasEnded(exit);
  const code = exit.code ?? exitCode.signalBase + (exit.signal ?? 0);
  return { document: { ...document, exit }, exitCode: code };
}

function formatSharing({ processes, pages, framesBefore, frames }: SharingReport): string {
  return (
    `${processes} processes have ${formatCount(pages, 'page')} in ${formatCount(frames, 'page frame')}; ` +
    `by the images there were ${framesBefore}`
  );
}

/** Finds out first whether there is a module. */
async function findTracking() {
  const { Device } = await import('../../kernel/device.js');
  const { trackRestored } = await import('../../track-restored.js');
  Device.open().close();
  return trackRestored;
}

function toRestore(options: RestoreOptions) {
  const { dir, stopped, root, 'inherit-fd': inherited, 'pid-namespace': isInNamespace } = options;
  return { images: dir, isStopped: stopped, inherited, isInNamespace, root };
}
