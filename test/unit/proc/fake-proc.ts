import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a process of a fake procfs is. */
interface FakeProcess {
  /** children by thread */
  threads?: Record<number, readonly number[]>;
  startTime?: number;
  ppid?: number;
  state?: string;
  flags?: number;
  /** what it has mapped; no file `maps` if absent */
  maps?: string;
  /** its pid namespace; none that can be read if absent */
  namespace?: string;
  /** its pid in there */
  namespacePid?: number;
}

/** A procfs of processes, each with its children by thread. */
export class FakeProc implements Disposable {
  readonly root = mkdtempSync('/tmp/tracker-proc-');

  /** Adds a process, or makes it another one. */
  add(
    pid: number,
    {
      threads = {},
      startTime = pid * 10,
      ppid = 1,
      state = 'S',
      flags = 0,
      maps,
      namespace,
      namespacePid = pid,
    }: FakeProcess = {},
  ): void {
    const directory = path.join(this.root, `${pid}`);
    mkdirSync(directory, { recursive: true });
    const rest = `${state} ${ppid}${' 0'.repeat(4)} ${flags}${' 0'.repeat(10)} 1 0 ${startTime} 0 0`;
    writeFileSync(path.join(directory, 'stat'), `${pid} (a) ${rest}\n`);
    if (namespace !== undefined) {
      mkdirSync(path.join(directory, 'ns'));
      symlinkSync(namespace, path.join(directory, 'ns/pid'));
      writeFileSync(path.join(directory, 'status'), `Name:\ta\nNSpid:\t${pid}\t${namespacePid}\n`);
    }
    if (maps !== undefined) writeFileSync(path.join(directory, 'maps'), maps);
    for (const [tid, children] of Object.entries({ [pid]: [], ...threads })) {
      const task = path.join(directory, `task/${tid}`);
      mkdirSync(task, { recursive: true });
      writeFileSync(path.join(task, 'children'), children.map((child) => `${child} `).join(''));
    }
  }

  remove(pid: number): void {
    rmSync(path.join(this.root, `${pid}`), { recursive: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
