import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../src/package-root.js';

/**
 * Runs an async function body against a fake module (fake-tracker.c) in a node of its own. The body
 * has `device`, an open Device, and `outcomeOf(call)`: what a call returns, or its error's facts.
 * @returns the value it returns, through JSON
 */
export function withFakeTracker(body: string, env: Record<string, string> = {}): unknown {
  const script = `
    import { Device } from './src/kernel/device.ts';
    const outcomeOf = async (call) => {
      try { return await call(); }
      catch ({ name, code, facts }) { return { name, code, facts }; }
    };
    const result = await outcomeOf(async () => {
      const device = Device.open('/dev/null');
      ${body}
    });
    console.log(JSON.stringify(result));`;
  const output = execFileSync(
    process.execPath,
    ['--import=tsx', '--input-type=module', '--eval', script],
    {
      cwd: packageRoot(),
      env: { ...process.env, ...env, LD_PRELOAD: compileFake() },
      encoding: 'utf8',
    },
  );
  return JSON.parse(output) as unknown;
}

function compileFake(): string {
  const root = packageRoot();
  const library = path.join(root, 'build/programs/fake-tracker.so');
  mkdirSync(path.dirname(library), { recursive: true });
  const flags = ['-O1', '-shared', '-fPIC', '-Wall', '-Wextra', '-Werror'];
  const include = `-I${path.join(root, 'kmod/include/uapi')}`;
  const source = path.join(root, 'test/support/fake-tracker.c');
  execFileSync('cc', [...flags, include, '-o', library, source], { stdio: 'inherit' });
  return library;
}
