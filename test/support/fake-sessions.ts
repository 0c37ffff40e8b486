import { loadNative, type Native } from '../../src/native.js';
import { bytesOf } from '../unit/dump/fixtures.js';
import { FakeTarget } from './fake-target.js';

type Batches = Pick<Native, 'harvests' | 'layouts' | 'residents'>;

/** Their fds are no files'. */
const firstFd = 1_000_000;

/**
 * Sessions without a module: calls of the addon for several sessions come to fake targets as long as
 * this lives. Its other calls, which copy pages, are made.
 */
export class FakeSessions implements Disposable {
  /** in the order of the calls */
  readonly harvested: { target: FakeTarget; isPrivate: boolean }[] = [];
  /** for how many targets it was asked what they have of memory that is not tracked */
  nrAsked = 0;
  /** before each target is harvested */
  onHarvest: (target: FakeTarget) => void = () => undefined;
  readonly #targets = new Map<number, FakeTarget>();
  readonly #addon: Batches = loadNative();
  readonly #real: Batches;

  constructor() {
    const { harvests, layouts, residents } = this.#addon;
    this.#real = { harvests, layouts, residents };
    this.#addon.layouts = (fds) => this.#each(fds, (target) => bytesOf(...target.vmas));
    this.#addon.residents = (fds) =>
      this.#each(fds, (target) => {
        this.nrAsked++;
        target.reach('resident');
        return new Float64Array(0);
      });
    this.#addon.harvests = (fds, flags) =>
      this.#each(fds, (target, i) => {
        this.onHarvest(target);
        target.reach('harvest');
        const isPrivate = flags[i] !== 0;
        this.harvested.push({ target, isPrivate });
        return target.isOver ? undefined : target.harvest(isPrivate);
      });
  }

  /** @param pid of no process, unless it is looked at */
  add(pid: number): FakeTarget {
    const target = new FakeTarget(pid, firstFd + this.#targets.size);
    this.#targets.set(target.fd, target);
    return target;
  }

  get nrTargets(): number {
    return this.#targets.size;
  }

  [Symbol.dispose](): void {
    Object.assign(this.#addon, this.#real);
  }

  #each<T>(
    fds: readonly number[],
    call: (target: FakeTarget, i: number) => T | undefined,
  ): Promise<(T | Error)[]> {
    const results = fds.map((fd, i) => {
      const target = this.#targets.get(fd);
      const result = target && !target.isOver ? call(target, i) : undefined;
      return result === undefined || target?.isOver ? esrch() : result;
    });
    return Promise.resolve(results);
  }
}

function esrch(): Error {
  const facts = { code: 'ESRCH', errno: -3, syscall: 'ioctl' };
  return Object.assign(new Error('ESRCH: no such process'), facts);
}
