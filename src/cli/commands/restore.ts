import { formatCount, formatDuration } from '../../report/units.js';
import { type Context, defineCommand, type Outcome } from '../command.js';
import { exitCode } from '../exit-code.js';
import { forwardSignals } from '../forward-signals.js';
import { parseInherited, parsePath } from '../option-values.js';

interface RestoreOptions {
  dir: string;
  detach: boolean;
  stopped: boolean;
  'inherit-fd': Map<number, number>;
  'dry-run': boolean;
}

/** `tracker restore DIR [--detach] [--stopped] [--inherit-fd FD[:OWN]...] [--dry-run]` */
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
        describe: 'Leave it stopped, until SIGCONT',
      })
      .option('inherit-fd', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        requiresArg: true,
        describe: 'Hand in a descriptor of this command, as FD or FD:OWN',
        coerce: parseInherited('inherit-fd'),
      })
      .option('dry-run', {
        type: 'boolean',
        default: false,
        describe: 'Say what would be done, step by step',
      }),

  run: (options, context) =>
    options['dry-run'] ? showPlan(options, context) : restoreImages(options, context),

  interrupted: () => 'nothing of the process is left; the images are as they were',
});

async function showPlan(options: RestoreOptions, { output }: Context): Promise<Outcome> {
  const { planImages } = await import('../../restore/restore.js');
  const { describeStep, formatStep } = await import('../../restore/plan/describe-step.js');
  const steps = await planImages(toRestore(options));
  for (const step of steps) output.print(formatStep(step));
  return { document: { images: options.dir, steps: steps.map(describeStep) } };
}

async function restoreImages(options: RestoreOptions, context: Context): Promise<Outcome> {
  const { restoreProcess, waitForExit } = await import('../../restore/restore.js');
  const { output, signal } = context;
  const restored = await restoreProcess({ ...toRestore(options), signal });
  for (const warning of restored.warnings) output.warn(`tracker: ${warning}`);
  const { pid, nrThreads, durationMs } = restored;
  const document = { images: options.dir, ...restored };
  if (options.detach) {
    const threads = formatCount(nrThreads, 'thread');
    output.print(`pid ${pid} runs again, with ${threads}, after ${formatDuration(durationMs)}`);
    return { document };
  }
  // Standard output may be the process' own now: nothing more is printed but with --json.
  using _forwarding = forwardSignals(restored.hostPid);
  const exit = await waitForExit(restored);
  const code = exit.code ?? exitCode.signalBase + (exit.signal ?? 0);
  return { document: { ...document, exit }, exitCode: code };
}

function toRestore(options: RestoreOptions) {
  const { dir, stopped, 'inherit-fd': inherited } = options;
  return { images: dir, isStopped: stopped, inherited };
}
