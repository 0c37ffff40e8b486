/** Where a range of donors is stored. */
export interface StoredRange {
  id: number;
  nrPages: number;
  round: number;
  /** -1: pages of zeros */
  filePage: number;
}

/** A part of a range of donors; `stored` is of its first one, null if it is not stored. */
export interface DonorRange {
  id: number;
  nrPages: number;
  stored: { round: number; filePage: number } | null;
}

/** Donors that one bucket is about. */
const bucketIds = 512;

/**
 * Which donors the images have already, and where: by number, in ranges. A bucket holds what is
 * known of 512 numbers, so that adding and finding do not depend on how much is known.
 */
export class StoredDonors {
  readonly #buckets = new Map<number, StoredRange[]>();
  /** buckets that have changed since the last `keep` or `forget`: what they were */
  readonly #before = new Map<number, readonly StoredRange[]>();
  /** ... since the last `mark` */
  readonly #marked = new Map<number, readonly StoredRange[]>();

  /** Says where donors are stored from now on. */
  add({ id, nrPages, round, filePage }: StoredRange): void {
    for (let done = 0; done < nrPages;) {
      const start = id + done;
      const part = Math.min(nrPages - done, bucketIds - (start % bucketIds));
      const place = filePage < 0 ? -1 : filePage + done;
      this.#addToBucket({ id: start, nrPages: part, round, filePage: place });
      done += part;
    }
  }

  /** Splits a range of donors into what is stored and what is not, in order. */
  *split(id: number, nrPages: number): Generator<DonorRange> {
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
    const bucket = bucketOf(range.id);
    const ranges = this.#buckets.get(bucket) ?? [];
    if (!this.#before.has(bucket)) this.#before.set(bucket, ranges);
    if (!this.#marked.has(bucket)) this.#marked.set(bucket, ranges);
    const others = ranges.filter(
      ({ id, nrPages }) => id + nrPages <= range.id || range.id + range.nrPages <= id,
    );
    this.#buckets.set(
      bucket,
      [...others, range].sort((a, b) => a.id - b.id),
    );
  }
}

function bucketOf(id: number): number {
  return Math.floor(id / bucketIds);
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
