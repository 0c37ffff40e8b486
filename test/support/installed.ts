import { spawnSync } from 'node:child_process';

/** Skips the tests of a suite, and says why, unless all of these programs are installed. */
export function needPrograms(context: Mocha.Context, ...commands: readonly string[]): void {
  const missing = commands.filter((command) => spawnSync(command, ['--version']).error);
  if (missing.length === 0) return;
  console.log(`skipped: there is no ${missing.join(', ')}; vagrant/setup --programs installs it`);
  context.skip();
}
