import type { AnyCommand, Outcome } from './command.js';
import { exitCode, signalExitCode } from './exit-code.js';
import { type Interruption, interruptionOf } from './interruption.js';
import { Output, type Streams } from './output.js';
import { parseArguments, type Request } from './parse-arguments.js';
import { services as realServices, type Services } from './services.js';
import { UsageError } from './usage-error.js';

/** The world around a command line. */
export interface Io extends Streams {
  /** aborted with an `Interruption` to make the command end */
  signal: AbortSignal;
  services?: Services;
}

type CommandRequest = Extract<Request, { kind: 'command' }>;

/**
 * Runs one command line, without the program's name. Never throws for what a command meets.
 * @returns the exit code
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let request: Request;
  try {
    request = await parseArguments(argv);
  } catch (error) {
    return reportUsage(error, new Output(io, argv.includes('--json')));
  }
  if (request.kind === 'help') {
    new Output(io, false).print(request.text);
    return exitCode.ok;
  }
  return runCommand(request, new Output(io, request.isJson), io);
}

async function runCommand(request: CommandRequest, output: Output, io: Io): Promise<number> {
  const { command, options } = request;
  const { signal, services = realServices } = io;
  let outcome: Outcome;
  try {
    outcome = await command.run(options, { output, signal, services });
  } catch (error) {
    outcome = { document: {}, error };
  }
  output.progress.erase();
  if (outcome.error !== undefined) return reportError(outcome, request, output, io);
  await output.printDocument(outcome.document);
  return outcome.isFailure ? exitCode.failure : (outcome.exitCode ?? exitCode.ok);
}

async function reportError(
  { document, error }: Outcome,
  { command, options, isVerbose }: CommandRequest,
  output: Output,
  { signal, services = realServices }: Io,
): Promise<number> {
  const interruption = interruptionOf(error, signal);
  if (interruption) {
    const message = await describeInterruption(interruption, command, options, services);
    output.warn(`tracker: ${message}`);
    const facts = { signal: interruption.signal };
    await output.printDocument({ ...document, error: { code: 'INTERRUPTED', message, facts } });
    return signalExitCode(interruption.signal);
  }
  const { describeError, formatError } = await import('./error-report.js');
  output.warn(formatError(error, isVerbose));
  await output.printDocument({ ...document, error: describeError(error) });
  return exitCode.failure;
}

async function describeInterruption(
  { message }: Interruption,
  command: AnyCommand,
  options: object,
  services: Services,
): Promise<string> {
  const state = await command.interrupted?.(options, services);
  return state === undefined ? message : `${message}: ${state}`;
}

async function reportUsage(error: unknown, output: Output): Promise<number> {
  const { describeError, formatError } = await import('./error-report.js');
  if (!(error instanceof UsageError)) {
    output.warn(formatError(error, true));
    await output.printDocument({ error: describeError(error) });
    return exitCode.failure;
  }
  const { message, hint } = error;
  output.warn(`tracker: ${message}\n${hint}`);
  await output.printDocument({ error: { code: 'USAGE', message, facts: { hint } } });
  return exitCode.usage;
}
