import { readStat } from '../proc/stat.js';
import { Interruption } from './interruption.js';

/** Signals that a program that stands for another one passes on, those that end this one first. */
const ending = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const others = ['SIGQUIT', 'SIGWINCH', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
/** Those that a terminal sends to a whole process group. */
const fromTerminals = new Set<NodeJS.Signals>(['SIGINT', 'SIGQUIT', 'SIGWINCH']);

/**
 * Passes signals on to a process instead of obeying them, until it is disposed of. Those that come
 * before there is a process are kept for it, but for what ends the command. What terminals send is
 * not passed on to a process of our own group, which gets it anyway.
 */
export class SignalForwarding implements Disposable {
  readonly #undo: (() => void)[] = [];
  readonly #kept: NodeJS.Signals[] = [];
  #pid: number | undefined;
  #isOwnGroup = false;

  constructor() {
    this.#take(others);
  }

  /** @param aborted of a signal that should have ended the command, when the process ran already */
  start(pid: number, aborted: AbortSignal): void {
    this.#pid = pid;
    this.#isOwnGroup = groupOf(pid) === groupOf(process.pid);
    this.#take(ending);
    if (aborted.reason instanceof Interruption) this.#kept.push(aborted.reason.signal);
    for (const signal of this.#kept.splice(0)) this.#pass(pid, signal);
  }

  [Symbol.dispose](): void {
    for (const step of this.#undo) step();
  }

  #take(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      const before = process.listeners(signal);
      const forward = () => {
        if (this.#pid === undefined) this.#kept.push(signal);
        else this.#pass(this.#pid, signal);
      };
      // Never without a listener: a signal that node has got and not handed out yet would be lost.
      process.on(signal, forward);
      for (const listener of before) process.off(signal, listener);
      this.#undo.push(() => {
        for (const listener of before) process.on(signal, listener);
        process.off(signal, forward);
      });
    }
  }

  #pass(pid: number, signal: NodeJS.Signals): void {
    if (this.#isOwnGroup && fromTerminals.has(signal)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile, which is what is waited for.
    }
  }
}

/** 0 where it has ended. */
function groupOf(pid: number): number {
  try {
    return readStat(pid).processGroup;
  } catch {
    return 0;
  }
}
