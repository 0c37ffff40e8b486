import { readFileSync } from 'node:fs';
import { native } from '../../native.js';
import { readStat } from '../../proc/stat.js';
import { threadsOf } from '../../proc/threads.js';

/** A thread that sleeps in a system call. */
interface Wait {
  call: number;
  /** how often it had given up its CPU when it was looked at */
  nrSwitches: number;
  /** CLOCK_MONOTONIC of then */
  sinceMs: number;
}

/**
 * Since when the threads of a process that runs sleep in their system calls, as far as the kernel
 * shows that: once they stand, it knows no more of it. It is when the scheduler took them off their
 * CPU, which is later than the call's beginning where they have been woken for nothing meanwhile.
 */
export class ObservedWaits {
  readonly #waits = new Map<number, Wait>();
  readonly #waited = new Map<number, { call: number; waitedNs: number }>();

  /** To be looked at right before the freeze. */
  constructor(pid: number) {
    const sleeping = threadsOf(pid).flatMap((tid) => unlessGone(() => lookAt(tid)) ?? []);
    const cpus = [...new Set(sleeping.map(({ cpu }) => cpu))];
    const offsets = native.schedulerOffsets(Int32Array.from(cpus));
    for (const { tid, cpu, startMs, ...wait } of sleeping) {
      const sinceMs = startMs + (offsets[cpus.indexOf(cpu)] ?? NaN);
      if (Number.isFinite(sinceMs)) this.#waits.set(tid, { ...wait, sinceMs });
    }
  }

  /** To be called right after it, before anything else is done to the threads. */
  settle(): void {
    const nowMs = Number(process.hrtime.bigint()) / 1e6;
    for (const [tid, { nrSwitches, sinceMs, call }] of this.#waits) {
      // It was woken once, by the freeze, and has stopped: anything else is another wait.
      if (unlessGone(() => schedulerState(tid))?.nrSwitches !== nrSwitches + 1) continue;
      const waitedNs = Math.max(0, Math.round((nowMs - sinceMs) * 1e6));
      this.#waited.set(tid, { call, waitedNs });
    }
  }

  /**
   * How long a thread had been in the call that the freeze has interrupted; 0 where that is not known.
   * @param call as its registers have it
   */
  waitedNs(tid: number, call: bigint): number {
    const waited = this.#waited.get(tid);
    return waited && BigInt(waited.call) === call ? waited.waitedNs : 0;
  }
}

function lookAt(tid: number) {
  const call = parseInt(readFileSync(`/proc/${tid}/syscall`, 'utf8'), 10);
  const { state, cpu } = readStat(tid);
  return call >= 0 && state === 'S' ? [{ tid, call, cpu, ...schedulerState(tid) }] : [];
}

function schedulerState(tid: number) {
  const text = readFileSync(`/proc/${tid}/sched`, 'utf8');
  const field = (name: string) =>
    Number(new RegExp(`^${name}\\s*:\\s*(\\S+)`, 'm').exec(text)?.[1]);
  return { startMs: field('se\\.exec_start'), nrSwitches: field('nr_voluntary_switches') };
}

/** Nothing of a thread that has ended, or where the kernel has no such file. */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
