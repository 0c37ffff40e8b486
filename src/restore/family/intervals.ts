/** Pages, or contents, from `start` up to `end`. */
export interface Interval {
  start: number;
  end: number;
}

/** Order of events at boundaries of intervals: event 2i is the end of interval i, 2i + 1 its start. */
export function sortBoundaries(intervals: readonly Interval[]): Float64Array {
  const nrEvents = intervals.length * 2;
  const keys = new Float64Array(nrEvents);
  intervals.forEach(({ start, end }, i) => {
    keys[2 * i] = end * nrEvents + 2 * i;
    keys[2 * i + 1] = start * nrEvents + 2 * i + 1;
  });
  if (intervals.some(({ end }) => (end + 1) * nrEvents > Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${nrEvents} boundaries of addresses or contents are too many`);
  }
  keys.sort();
  return keys.map((key) => key % nrEvents);
}

/** Joins what overlaps or touches. Returns sorted intervals. */
export function unite(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.toSorted((a, b) => a.start - b.start);
  const united: Interval[] = [];
  for (const { start, end } of sorted) {
    const last = united.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else if (start < end) united.push({ start, end });
  }
  return united;
}

/** What of `from` is not in `what`. Both are sorted, without overlaps. */
export function subtract<T extends Interval>(from: readonly T[], what: readonly Interval[]): T[] {
  const rest: T[] = [];
  let next = 0;
  for (const part of from) {
    let at = part.start;
    while ((what[next]?.end ?? Infinity) <= at) next++;
    for (let i = next; at < part.end; i++) {
      const hole = what[i];
      const end = Math.min(part.end, hole?.start ?? Infinity);
      if (at < end) rest.push({ ...part, start: at, end });
      at = hole && hole.start < part.end ? Math.max(at, hole.end) : part.end;
    }
  }
  return rest;
}

/** Calls back with the parts that an element of `a` and one of `b` have in common. Both are sorted. */
export function forEachCommon<A extends Interval, B extends Interval>(
  a: readonly A[],
  b: readonly B[],
  callback: (start: number, end: number, a: A, b: B) => void,
): void {
  for (let i = 0, j = 0; ;) {
    const one = a[i];
    const other = b[j];
    if (!one || !other) return;
    const start = Math.max(one.start, other.start);
    const end = Math.min(one.end, other.end);
    if (start < end) callback(start, end, one, other);
    if (one.end <= other.end) i++;
    else j++;
  }
}

/** The first of sorted intervals without overlaps that ends after `at`. */
export function endingAfter<T extends Interval>(sorted: readonly T[], at: number): T | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as T).end > at) high = middle;
    else low = middle + 1;
  }
  return sorted[low];
}
