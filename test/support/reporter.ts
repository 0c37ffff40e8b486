import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

const nrSlowest = 20;

/**
 * Prints as mocha's own `spec` does, and writes to the file of option `json` the numbers, what has
 * failed and what took longest.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { json } = (options.reporterOptions ?? {}) as { json?: string };
    const durations: { title: string; ms: number }[] = [];
    runner.on('test end', (test: Mocha.Test) => {
      durations.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
    });
    runner.once('end', () => {
      if (json === undefined) return;
      const failures = this.failures.map((test) => ({
        title: test.fullTitle(),
        message: test.err?.message ?? '',
      }));
      const slowest = durations.sort((a, b) => b.ms - a.ms).slice(0, nrSlowest);
      writeFileSync(json, JSON.stringify({ stats: this.stats, failures, slowest }));
    });
  }
}
