import { Interruption } from '../../../src/cli/interruption.js';
import { run } from '../../../src/cli/run.js';
import { fakeServices, type Script } from './fake-tracker.js';

/** What a command line has done. */
export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
  calls: unknown[];
}

/** How to run it. */
export interface CliOptions extends Script {
  /** sends SIGINT or SIGTERM once the output has `when` */
  interrupt?: { signal: 'SIGINT' | 'SIGTERM'; when?: string };
  isTTY?: boolean;
  /** called with all of the output, whenever there is more */
  onStdout?: (stdout: string) => void;
}

/** Runs a command line in this process, with a fake tracker. */
export async function runCli(
  line: string | readonly string[],
  { interrupt, isTTY = false, onStdout, ...script }: CliOptions = {},
): Promise<CliResult> {
  const controller = new AbortController();
  const { services, calls } = fakeServices(script);
  let stdout = '';
  let stderr = '';
  const end = () => {
    if (interrupt && stdout.includes(interrupt.when ?? ''))
      controller.abort(new Interruption(interrupt.signal));
  };
  if (interrupt?.when === undefined) end();
  const argv = typeof line === 'string' ? line.split(' ').filter(Boolean) : line;
  const code = await run(argv, {
    stdout: {
      write: (text: string) => {
        stdout += text;
        onStdout?.(stdout);
        end();
      },
    },
    stderr: { isTTY, write: (text: string) => (stderr += text) },
    signal: controller.signal,
    services,
  });
  return { code, stdout, stderr, calls };
}
