/** Where a range of numbered pages is stored. */
export interface StoredRange {
  id: number;
  nrPages: number;
  round: number;
  /** -1: pages of zeros */
  filePage: number;
}

/** A part of such a range; `stored` is of its first page, null if it is not stored. */
export interface NumberedRange {
  id: number;
  nrPages: number;
  stored: { round: number; filePage: number } | null;
}

/** Pages that one bucket is about. */
const bucketIds = 512;

/**
 * Which pages the images have already, and where, by number, in ranges: numbers of donors, or of page
 * frames. A bucket holds what is known of 512 numbers, so that adding and finding do not depend on
 * how much is known.
 */
export class StoredPages {
  readonly #buckets = new Map<number, StoredRange[]>();
  /** buckets that have changed since the last `keep` or `forget`: what they were */
  readonly #before = new Map<number, readonly StoredRange[]>();
  /** ... since the last `mark` */
  readonly #marked = new Map<number, readonly StoredRange[]>();

  /** Says where pages are stored from now on. */
  add({ id, nrPages, round, filePage }: StoredRange): void {
    for (let done = 0; done < nrPages;) {
      const start = id + done;
      const part = Math.min(nrPages - done, bucketIds - (start % bucketIds));
      const place = filePage < 0 ? -1 : filePage + done;
      this.#addToBucket({ id: start, nrPages: part, round, filePage: place });
      done += part;
    }
  }

  /** Says that a page is stored nowhere. */
  drop(id: number): void {
    const { bucket, ranges } = this.#change(id);
    this.#buckets.set(bucket, cutOut(ranges, id, id + 1));
  }

  /** Splits a range into what is stored and what is not, in order. */
  *split(id: number, nrPages: number): Generator<NumberedRange> {
    for (let at = id; at < id + nrPages;) {
      const end = Math.min(id + nrPages, at - (at % bucketIds) + bucketIds);
      yield* splitBy(this.#buckets.get(bucketOf(at)) ?? [], at, end);
      at = end;
    }
  }

  /** What was added is in the images for good. */
  keep(): void {
    this.#before.clear();
    this.#marked.clear();
  }

  /** For {@link rewind}. */
  mark(): void {
    this.#marked.clear();
  }

  /** What was added since the last `mark` is stored nowhere. */
  rewind(): void {
    for (const [bucket, ranges] of this.#marked) this.#buckets.set(bucket, [...ranges]);
    this.#marked.clear();
  }

  /** What was added since the last `keep` is not in the images. */
  forget(): void {
    for (const [bucket, ranges] of this.#before) this.#buckets.set(bucket, [...ranges]);
    this.keep();
  }

  #addToBucket(range: StoredRange): void {
    const { bucket, ranges } = this.#change(range.id);
    const others = cutOut(ranges, range.id, range.id + range.nrPages);
    this.#buckets.set(
      bucket,
      [...others, range].sort((a, b) => a.id - b.id),
    );
  }

  /** The bucket of a number, of which it is noted what it was. */
  #change(id: number): { bucket: number; ranges: readonly StoredRange[] } {
    const bucket = bucketOf(id);
    const ranges = this.#buckets.get(bucket) ?? [];
    if (!this.#before.has(bucket)) this.#before.set(bucket, ranges);
    if (!this.#marked.has(bucket)) this.#marked.set(bucket, ranges);
    return { bucket, ranges };
  }
}

function bucketOf(id: number): number {
  return Math.floor(id / bucketIds);
}

/** What is left of ranges without [start, end). */
function cutOut(ranges: readonly StoredRange[], start: number, end: number): StoredRange[] {
  return ranges.flatMap((range) => {
    const { id, nrPages, filePage } = range;
    if (id + nrPages <= start || end <= id) return [range];
    const after = id + nrPages - end;
    const place = filePage < 0 ? -1 : filePage + end - id;
    return [
      ...(id < start ? [{ ...range, nrPages: start - id }] : []),
      ...(after > 0 ? [{ ...range, id: end, nrPages: after, filePage: place }] : []),
    ];
  });
}

function* splitBy(ranges: readonly StoredRange[], start: number, end: number) {
  let at = start;
  for (const { id, nrPages, round, filePage } of ranges) {
    const from = Math.max(at, id);
    const to = Math.min(end, id + nrPages);
    if (from >= to) continue;
    if (at < from) yield { id: at, nrPages: from - at, stored: null };
    const place = filePage < 0 ? -1 : filePage + from - id;
    yield { id: from, nrPages: to - from, stored: { round, filePage: place } };
    at = to;
  }
  if (at < end) yield { id: at, nrPages: end - at, stored: null };
}
