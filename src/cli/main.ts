import { exitCode, type EndingSignal, signalExitCode } from './exit-code.js';
import { Interruption } from './interruption.js';
import { run } from './run.js';

const { stdout, stderr } = process;
const controller = new AbortController();
let nrSignals = 0;

function end(signal: EndingSignal): void {
  controller.abort(new Interruption(signal));
}

/**
 * The first signal unwinds the command, the second is taken for impatience. The third leaves at
 * once: the kernel lets a frozen target go, and what was harvested goes back into the log.
 */
function onSignal(signal: EndingSignal): void {
  nrSignals++;
  if (nrSignals > 2) process.exit(signalExitCode(signal));
  if (nrSignals === 2) stderr.write('tracker: putting things back; once more to leave them\n');
  end(signal);
}

/** Nobody reads any more, as after `| head`: the command ends. What else it is, is a failure. */
function onOutputError(error: NodeJS.ErrnoException): void {
  end('SIGPIPE');
  if (error.code === 'EPIPE') return;
  process.exitCode = exitCode.failure;
  stderr.write(`tracker: cannot write the output: ${error.message}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
stdout.on('error', onOutputError);
stderr.on('error', () => undefined);

const code = await run(process.argv.slice(2), { stdout, stderr, signal: controller.signal });
process.exitCode ??= code;
