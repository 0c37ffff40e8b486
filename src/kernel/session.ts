import { closeSync } from 'node:fs';
import { DeviceError, isSystemError } from '../errors.js';
import {
  type DonorPart,
  type FreezeHandle,
  type Harvest,
  native,
  type SessionStatus,
  type Stray,
} from '../native.js';
import { callError } from './call-error.js';
import type { Layout } from './layout.js';
import { harvestsOf, layoutsOf, type Outcome, residentsOf } from './session-batch.js';

/** A target that is held in a freeze; see `Frozen`. */
export interface FrozenTarget {
  readonly handle: FreezeHandle;
}

/** What a swap has done: ranges, and pages copied. */
export interface SwapCount {
  nrDone: number;
  nrPages: number;
}

/**
 * Control of one target's session. It has one controller at a time: close it soon. Closing leaves
 * the session running; what was harvested and not committed goes back into its log.
 *
 * Every call throws or rejects with a `TargetError` or `DeviceError`.
 */
export class Session implements Disposable {
  #fd: number;
  /** mappings that the last layout had */
  nrVmas = 0;

  /**
   * Use `Device.openSession`.
   * @param fd session fd, owned by the new object
   * @param pid the target
   * @param isNew the session did not exist before
   */
  constructor(
    fd: number,
    readonly pid: number,
    readonly isNew: boolean,
  ) {
    this.#fd = fd;
  }

  status(): SessionStatus {
    return this.#now('read the session status', (fd) => native.sessionStatus(fd));
  }

  /** Every mapping of the target. */
  async layout(): Promise<Layout> {
    return first(await layoutsOf([this]));
  }

  /**
   * Tracks mappings of a target that is held: private ones are replaced by the pseudo-file.
   * @param ranges start and end page of each, each inside one `swappable` mapping
   * @param frozen the target, held
   * @returns ranges swapped and pages copied; the error has `facts.nrDone` and
   *   `NOT_STOPPED` has `facts.busyTid`; `NOT_SWAPPABLE`: range `nrDone` has changed; `PINNED`: it
   *   has pages that are pinned for DMA
   */
  async swap(ranges: Float64Array, frozen?: FrozenTarget): Promise<SwapCount> {
    return this.#swap(ranges, 0, frozen);
  }

  /**
   * Tracks shared mappings, which stay where they are: the target need not be held, nothing is
   * copied. Else as {@link swap}.
   */
  async swapShared(ranges: Float64Array): Promise<SwapCount> {
    return this.#swap(ranges, native.swapShared);
  }

  /** Puts every original mapping of a target that is held back, and ends the session. */
  async revert(frozen?: FrozenTarget): Promise<{ nrVmas: number; nrPages: number }> {
    return this.#later('put the original mappings back', async (fd) => {
      try {
        return await native.revert(fd, frozen?.handle);
      } catch (error) {
        throw pinned(error, this.pid) ?? error;
      }
    });
  }

  /** Takes the dirty log and begins a new epoch. To be followed by commit() or abort(). */
  async harvest(): Promise<Harvest> {
    return first(await harvestsOf([{ session: this }]));
  }

  /** The harvest's pages are stored: forget them. */
  commit(epoch: number): void {
    this.#now(`commit epoch ${epoch}`, (fd) => {
      native.commit(fd, epoch);
    });
  }

  /** The harvest's pages are not stored: put them back into the log. */
  abort(epoch: number): void {
    this.#now(`abort epoch ${epoch}`, (fd) => {
      native.abort(fd, epoch);
    });
  }

  /**
   * Return: a read-only fd of the region's pages, which the caller closes. `REGION_GONE`: the target
   * maps that shared memory no more.
   */
  openRegion(id: number): number {
    return this.#now(`open region ${id}`, (fd) => {
      try {
        return native.regionOpen(fd, id);
      } catch (error) {
        throw regionGone(error, id, this.pid) ?? error;
      }
    });
  }

  /**
   * Pages that exist in mappings that are not tracked.
   * @param ranges start and end page of each
   * @returns index of the range, first page, number of pages, flags (see {@link residentAnon}); and
   *   so on, range by range
   */
  async resident(ranges: Float64Array): Promise<Float64Array> {
    return first(await residentsOf([{ session: this, ranges }]));
  }

  /**
   * Which of some pages the target has in common with others of its tree. Their content never
   * changes; a page stops being such a one when the target writes it.
   * @param runs region, first page, number of pages; and so on, as in a harvest
   */
  async donors(runs: Float64Array): Promise<DonorPart[]> {
    return this.#later('find shared pages', (fd) => native.donors(fd, runs));
  }

  /**
   * Processes that map what a shared mapping of the target shows.
   * @returns their pids, 0 for each that has none in this namespace; undefined where no shared
   *   mapping is (any more)
   */
  async sharers(startPage: number): Promise<number[] | undefined> {
    return this.#later('find who shares memory', async (fd) => {
      try {
        return [...(await native.sharers(fd, startPage))];
      } catch (error) {
        if (isSystemError(error) && error.code === 'EINVAL') return undefined;
        throw error;
      }
    });
  }

  /** Forked children of the session's tree, and theirs, that nobody tracks yet. */
  strays(): Stray[] {
    return this.#now('find forked children', (fd) => native.strays(fd));
  }

  /**
   * For calls on several sessions, and as a session of the same tree.
   * @throws DeviceError `SESSION_CLOSED`
   */
  get fd(): number {
    if (this.#fd < 0)
      throw new DeviceError('SESSION_CLOSED', `the session of pid ${this.pid} is closed`);
    return this.#fd;
  }

  /** Gives control up. A second call does nothing; a call that is under way still ends well. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #swap(ranges: Float64Array, flags: number, frozen?: FrozenTarget): Promise<SwapCount> {
    return this.#later(`swap ${ranges.length / 2} mappings`, async (fd) => {
      try {
        return await native.swap(fd, ranges, flags, frozen?.handle);
      } catch (error) {
        throw notSwappable(error, ranges, this.pid) ?? error;
      }
    });
  }

  #now<T>(doing: string, call: (fd: number) => T): T {
    try {
      return call(this.fd);
    } catch (error) {
      throw callError(error, `${doing} of pid ${this.pid}`, this.pid);
    }
  }

  async #later<T>(doing: string, call: (fd: number) => Promise<T>): Promise<T> {
    try {
      return await call(this.fd);
    } catch (error) {
      throw callError(error, `${doing} of pid ${this.pid}`, this.pid);
    }
  }
}

/** Of calls that were made for one session. */
function first<T>([outcome]: readonly Outcome<T>[]): T {
  if (!outcome) throw new Error('a call for one session has no result');
  return outcome();
}

/** Flag of {@link Session.resident}: the process' own copy; without it a file's page cache. */
export const residentAnon = 1;

function notSwappable(error: unknown, ranges: Float64Array, pid: number): DeviceError | undefined {
  if (!isSystemError(error) || (error.code !== 'EINVAL' && error.code !== 'EAGAIN'))
    return undefined;
  const isPinned = error.code === 'EAGAIN';
  const nrDone = (error as { nrDone?: number }).nrDone ?? 0;
  const startPage = ranges[nrDone * 2] ?? 0;
  return new DeviceError(
    isPinned ? 'PINNED' : 'NOT_SWAPPABLE',
    `cannot swap the mapping at 0x${(startPage * 4096).toString(16)} of pid ${pid}: ` +
      (isPinned
        ? 'it has pages that are pinned for DMA; it is dumped in full instead'
        : 'it has changed; read the mappings again'),
    { cause: error, facts: { pid, nrDone, startPage } },
  );
}

function regionGone(error: unknown, region: number, pid: number): DeviceError | undefined {
  if (!isSystemError(error) || error.code !== 'ENOENT') return undefined;
  return new DeviceError(
    'REGION_GONE',
    `cannot open region ${region} of pid ${pid}: it does not map that memory any more; take the ` +
      'next round',
    { cause: error, facts: { pid, region } },
  );
}

function pinned(error: unknown, pid: number): DeviceError | undefined {
  if (!isSystemError(error) || error.code !== 'EAGAIN') return undefined;
  return new DeviceError(
    'PINNED',
    `cannot put the original mappings of pid ${pid} back: I/O is writing to its memory and did ` +
      'not end within a second; it goes on, tracked: try again when that I/O is done',
    { cause: error, facts: { pid } },
  );
}
