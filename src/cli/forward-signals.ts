import { readFileSync } from 'node:fs';

/** Signals that a program that stands for another one passes on. */
const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR2', 'SIGCONT'] as const;
/** Those that a terminal sends to a whole process group. */
const fromTerminals = ['SIGINT', 'SIGQUIT', 'SIGWINCH'] as const;

/**
 * Passes signals on to a process instead of obeying them, until it is disposed of. What terminals
 * send is not passed on to a process of our own group, which gets it anyway.
 */
export function forwardSignals(pid: number): Disposable {
  const isOwnGroup = groupOf(pid) === groupOf(process.pid);
  const undo: (() => void)[] = [];
  for (const signal of [...forwarded, ...fromTerminals]) {
    const isSkipped = isOwnGroup && fromTerminals.some((name) => name === signal);
    const before = process.listeners(signal);
    process.removeAllListeners(signal);
    const forward = () => {
      if (!isSkipped) send(pid, signal);
    };
    process.on(signal, forward);
    undo.push(() => {
      process.off(signal, forward);
      for (const listener of before) process.on(signal, listener);
    });
  }
  return {
    [Symbol.dispose]: () => {
      for (const step of undo) step();
    },
  };
}

/** It may have ended meanwhile. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Its end is what is waited for.
  }
}

function groupOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}
