import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** Prints as mocha's own `spec` does, and writes the numbers to the file of option `json`. */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { json } = (options.reporterOptions ?? {}) as { json?: string };
    runner.once('end', () => {
      if (json !== undefined) writeFileSync(json, JSON.stringify({ stats: this.stats }));
    });
  }
}
