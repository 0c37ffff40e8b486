import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '../../src/package-root.js';

const programs = path.join(packageRoot(), 'build/programs');

function run(program: string, ...args: string[]): string {
  return execFileSync(path.join(programs, program), args, { encoding: 'utf8' });
}

describe('private memory', () => {
  it('keeps its promises untracked, tracked and reverted', () => {
    run('promises');
  });

  for (const hazard of run('hazards').trim().split('\n')) {
    it(`survives ${hazard.replaceAll('_', ' ')}`, () => {
      run('hazards', hazard);
    });
  }
});
