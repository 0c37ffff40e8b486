import { fstatSync, readlinkSync } from 'node:fs';
import { native } from '../native.js';
import type { ProcessExit } from '../native-remote.js';
import { readStat } from '../proc/stat.js';
import type { OwnTerminal } from './plan/input.js';

/** Our controlling terminal, if a standard stream is on it. */
export function findTerminal(): OwnTerminal | undefined {
  const { terminal, processGroup, foregroundGroup } = readStat(process.pid);
  const fd = [0, 1, 2].find((each) => terminal !== 0 && deviceOf(each) === terminal);
  if (fd === undefined) return undefined;
  const isForeground = processGroup === foregroundGroup;
  return { fd, path: readlinkSync(`/proc/self/fd/${fd}`), isForeground };
}

function deviceOf(fd: number): number {
  try {
    return fstatSync(fd).rdev;
  } catch {
    return 0; // closed
  }
}

/**
 * Our terminal as long as a restored process has it, as a shell would lend it to its job: when that
 * one stops, we take it back and stop, too; when we go on, so does the process.
 */
export class LentTerminal implements Disposable {
  readonly #fd: number;
  readonly #ownGroup = readStat(process.pid).processGroup;
  readonly #ownSettings: Uint8Array;
  readonly #onChild = () => {
    this.#followStop();
  };
  #pid = 0;
  #group = 0;
  #keepsSettings = false;

  constructor({ fd }: OwnTerminal) {
    this.#fd = fd;
    this.#ownSettings = this.#settings();
  }

  /** The process has it from now on. */
  lendTo(pid: number): void {
    this.#pid = pid;
    this.#group = readStat(pid).processGroup;
    process.on('SIGCHLD', this.#onChild);
    this.#followStop();
  }

  /** What the process has made of the terminal stays, unless it was killed. */
  hasEnded({ code }: ProcessExit): void {
    this.#keepsSettings = code !== null;
  }

  [Symbol.dispose](): void {
    process.off('SIGCHLD', this.#onChild);
    if (!this.#isOurs()) return;
    const settings = this.#keepsSettings ? this.#settings() : this.#ownSettings;
    native.setTerminal(this.#fd, settings, this.#ownGroup);
  }

  #followStop(): void {
    // Of our own group, whatever stops it stops us, too.
    if (this.#group === this.#ownGroup || !this.#isLent() || !isStopped(this.#pid)) return;
    const settings = this.#settings();
    native.setTerminal(this.#fd, this.#ownSettings, this.#ownGroup);
    process.kill(0, 'SIGSTOP');
    // Here we go on, in the foreground or not.
    if (native.foregroundGroup(this.#fd) === this.#ownGroup)
      native.setTerminal(this.#fd, settings, this.#group);
    process.kill(-this.#group, 'SIGCONT');
  }

  #isLent(): boolean {
    return native.foregroundGroup(this.#fd) === this.#group;
  }

  /** Not the shell's, which has put us into the background. */
  #isOurs(): boolean {
    const group = native.foregroundGroup(this.#fd);
    return group === this.#ownGroup || group === this.#group || !isGroup(group);
  }

  #settings(): Uint8Array {
    return native.terminalState(process.pid, this.#fd).settings;
  }
}

function isStopped(pid: number): boolean {
  try {
    return readStat(pid).state === 'T';
  } catch {
    return false; // its end is seen elsewhere
  }
}

/** Whether anybody is in it: one that was restored in part may be gone. */
function isGroup(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}
