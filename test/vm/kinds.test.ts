import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '../../src/package-root.js';

const program = path.join(packageRoot(), 'build/programs/kinds');

describe('the log has exactly what was written', () => {
  for (const kind of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
    it(`in ${kind.replaceAll('_', ' ')} memory`, () => {
      execFileSync(program, [kind]);
    });
  }
});
