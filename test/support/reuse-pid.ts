import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { compileProgram } from './programs.js';
import { waitFor } from './wait-for.js';

const maxTries = 200;

/** Makes a pid, which nobody has, the next one that the kernel gives. Anybody may be quicker. */
export function makeNextPid(pid: number): void {
  writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
}

/** Waits until nobody has a pid. */
export async function waitUntilFree(pid: number): Promise<void> {
  await waitFor(`pid ${pid} is free`, () => !existsSync(`/proc/${pid}`));
}

/** Another process with a pid that had a process before. It ends when it goes out of scope. */
export async function reusePid(pid: number): Promise<Disposable> {
  await waitUntilFree(pid);
  for (let tries = 0; tries < maxTries; tries++) {
    makeNextPid(pid);
    const child = spawn(compileProgram('pages'), { stdio: ['pipe', 'ignore', 'inherit'] });
    if (child.pid === pid) return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
    child.kill('SIGKILL');
  }
  throw new Error(`pid ${pid} was not given again in ${maxTries} tries`);
}
