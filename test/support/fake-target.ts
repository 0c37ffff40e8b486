import { openSync } from 'node:fs';
import { DeviceError, TargetError } from '../../src/errors.js';
import type { VmaRecord } from '../../src/image/index.js';
import type { Session } from '../../src/kernel/session.js';
import type { Harvest } from '../../src/native.js';
import { TreeMember } from '../../src/tree/tree-member.js';
import { fakeSession, layoutOf } from '../unit/dump/fixtures.js';
import { TARGET } from '../unit/image/fixtures.js';
import { type FakeShared, writePage } from './fake-shared.js';

/** Numbers of regions behind those of private memory. */
const firstShared = 10;

/** When a fake target ends: in the middle of that. */
export type End = 'harvest' | 'resident' | 'copy' | 'segment' | 'commit';

/** A target without a process, whose session answers as the module does. */
export class FakeTarget {
  /** of private regions: files with their pages */
  readonly regions = new Map<number, string>();
  readonly shared = new Set<FakeShared>();
  /** region and page of what was written, and handed out */
  log: [region: number, page: number][] = [];
  vmas: readonly VmaRecord[] = [];
  endsAt: End | undefined;
  isOver = false;
  /** the next harvest is not complete */
  hasLostCount = false;
  readonly session: Session;
  #taken: typeof this.log = [];
  #epoch = 0;
  #nrShared = 0;

  constructor(
    readonly pid: number,
    readonly fd: number,
  ) {
    const session = fakeSession({
      pid,
      status: () => ({ id: this.id, epoch: this.#epoch }) as ReturnType<Session['status']>,
      layout: () => this.#answer(layoutOf(...this.vmas)),
      donors: () => this.#answer([]),
      sharers: () => this.#answer([]),
      strays: () => [],
      openRegion: (region) => this.#open(region),
      commit: () => {
        this.reach('commit');
        if (this.isOver) throw this.#gone();
        this.#taken = [];
      },
      abort: () => {
        this.log.push(...this.#taken);
        this.#taken = [];
      },
      close: () => undefined,
    });
    this.session = Object.defineProperty(session, 'fd', { value: fd });
  }

  /** Of its session. */
  get id(): string {
    return this.pid.toString(16).padStart(32, '0');
  }

  /** As the controller knows it. */
  member(number: number, parent?: TreeMember): TreeMember {
    const { pid, session } = this;
    const context = { pid, session, target: { ...TARGET, pid }, parentPid: 1, member: number };
    const lineage = parent ? { sessionId: parent.sessionId, lastRegion: 9 } : null;
    return new TreeMember(context, parent?.number ?? null, lineage);
  }

  /** Begins to map shared memory. */
  share(shared: FakeShared): void {
    this.shared.add(shared);
    shared.trackers.set(this, firstShared + this.#nrShared++);
  }

  unshare(shared: FakeShared): void {
    this.shared.delete(shared);
    shared.trackers.delete(this);
  }

  toggle(shared: FakeShared): void {
    if (this.shared.has(shared)) this.unshare(shared);
    else this.share(shared);
  }

  /** Writes a page of a private region. */
  write(region: number, page: number, content: number): void {
    writePage(this.regions.get(region) ?? '', page, content);
    this.log.push([region, page]);
  }

  /** A private harvest hands nothing out, and does not tell what it takes of shared memory. */
  harvest(isPrivate: boolean): Harvest {
    if (!isPrivate) for (const shared of this.shared) shared.handOut();
    this.#taken = this.log;
    this.log = [];
    const isTold = ([region]: [number, number]) => !isPrivate || this.regions.has(region);
    const rows = this.hasLostCount ? [] : this.#taken.filter(isTold);
    rows.sort(([a, page], [b, other]) => a - b || page - other);
    const unique = rows.filter((row, i) => row.join() !== rows[i - 1]?.join());
    const runs = Float64Array.from(unique.flatMap(([region, page]) => [region, page, 1]));
    const rest = { nrPages: unique.length, nrPinned: 0, nrRescans: 0 };
    const overflow = this.hasLostCount;
    this.hasLostCount = false;
    return { epoch: ++this.#epoch, runs, overflow, ...rest };
  }

  /** It ends here, if it is to. */
  reach(end: End): void {
    if (this.endsAt === end) this.isOver = true;
  }

  /** The pages of one that has ended stay until its session is closed. */
  #open(region: number): number {
    const file = this.regions.get(region);
    this.reach(file === undefined ? 'segment' : 'copy');
    if (file !== undefined) return openSync(file, 'r');
    for (const shared of this.shared)
      if (shared.trackers.get(this) === region) return openSync(shared.path, 'r');
    throw new DeviceError('REGION_GONE', `pid ${this.pid} does not map region ${region}`);
  }

  #answer<T>(value: T): Promise<T> {
    return this.isOver ? Promise.reject(this.#gone()) : Promise.resolve(value);
  }

  #gone(): TargetError {
    return new TargetError('NO_SUCH_PROCESS', `pid ${this.pid} has ended`);
  }
}
