import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from './wait-for.js';

const root = '/sys/fs/cgroup';

/** A memory cgroup. It is removed when it goes out of scope, by when its processes have ended. */
export class Cgroup implements AsyncDisposable {
  readonly #path: string;

  constructor(name: string) {
    this.#path = path.join(root, name);
    writeFileSync(path.join(root, 'cgroup.subtree_control'), '+memory');
    mkdirSync(this.#path);
  }

  add(pid: number): void {
    this.set('cgroup.procs', pid);
  }

  set(file: string, value: string | number): void {
    writeFileSync(path.join(this.#path, file), String(value));
  }

  /** A number, or one of a file of several with names. */
  read(file: string, name?: string): number {
    const text = readFileSync(path.join(this.#path, file), 'utf8');
    if (name === undefined) return Number(text);
    const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`${this.#path}/${file} does not say ${name}`);
    return Number(value);
  }

  /** Asks the kernel for so much of the group's memory, again and again, from another CPU. */
  reclaimAllTheTime(bytes: number): Disposable {
    const file = path.join(this.#path, 'memory.reclaim');
    const loop = `while :; do echo ${bytes} >${file}; done 2>/dev/null`;
    const child = spawn('sh', ['-c', loop], { stdio: 'ignore' });
    return { [Symbol.dispose]: () => void child.kill('SIGKILL') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isEmpty = () => this.read('cgroup.events', 'populated') === 0;
    await waitFor(`no process in ${this.#path}`, isEmpty);
    rmdirSync(this.#path);
  }
}
