import { ImageError } from '../errors.js';
import type { Fields } from './frame.js';

/** Takes fields of known types out of a payload; what is left over is unknown. */
export class FieldReader {
  readonly #rest: Map<string, unknown>;

  /** `name` is the file's, for messages. */
  constructor(
    fields: Fields,
    readonly name: string,
  ) {
    this.#rest = new Map(Object.entries(fields));
  }

  string(field: string): string {
    return this.#take(field, 'a string', isString);
  }

  stringOrNull(field: string): string | null {
    return this.#take(field, 'a string or null', (value) => value === null || isString(value));
  }

  boolean(field: string): boolean {
    return this.#take(field, 'true or false', (value) => typeof value === 'boolean');
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(field: string): number {
    return this.#take(field, 'a count', isCount);
  }

  countOrNull(field: string): number | null {
    return this.#take(field, 'a count or null', (value) => value === null || isCount(value));
  }

  /** A whole number, negative ones too. */
  integer(field: string): number {
    return this.#take(field, 'a whole number', (value): value is number =>
      Number.isSafeInteger(value),
    );
  }

  /** 64 bits without a sign; small ones are stored as plain numbers. */
  word(field: string): bigint {
    return BigInt(this.#take(field, 'a 64-bit number', isWord));
  }

  /** Binary of a known length. */
  block(field: string, length: number): Uint8Array {
    const bytes = this.bytes(field);
    if (bytes.byteLength === length) return bytes;
    return this.fail(`field ${field} has ${bytes.byteLength} bytes instead of ${length}`);
  }

  /** A list of binaries of one length. */
  blocks(field: string, length: number): Uint8Array[] {
    return this.#take(field, `a list of ${length} bytes each`, (value): value is Uint8Array[] =>
      isListOf(
        value,
        (item): item is Uint8Array => item instanceof Uint8Array && item.byteLength === length,
      ),
    );
  }

  /** A list of counts. */
  counts(field: string): number[] {
    return this.#take(field, 'a list of counts', (value): value is number[] =>
      isListOf(value, isCount),
    );
  }

  /** Whether the field is there, with whatever in it. */
  has(field: string): boolean {
    return this.#rest.has(field);
  }

  bytes(field: string): Uint8Array {
    return this.#take(field, 'binary', (value) => value instanceof Uint8Array);
  }

  /** Rows of `stride` 64-bit floats, each of them a whole number from 0 to 2^53 - 1. */
  rows(field: string, stride: number): Float64Array {
    const bytes = this.bytes(field);
    if (bytes.byteLength % (stride * 8) !== 0) this.fail(`field ${field} is no list of rows`);
    // The payload is at no 8-byte boundary; a copy is.
    const rows = new Float64Array(new Uint8Array(bytes).buffer);
    if (!rows.every(isCount)) this.fail(`field ${field} has what is no count`);
    return rows;
  }

  map(field: string): Fields {
    return this.#take(field, 'a map', isMap);
  }

  maps(field: string): Fields[] {
    return this.#take(field, 'a list of maps', isMaps);
  }

  mapsOrNull(field: string): Fields[] | null {
    return this.#take(field, 'a list of maps or null', isMapsOrNull);
  }

  /** For a map inside this one; `what` it is, for messages. */
  inner(fields: Fields, what?: string): FieldReader {
    return new FieldReader(fields, what === undefined ? this.name : `${this.name}, ${what}`);
  }

  /** Fields that nothing has taken. */
  rest(): Fields {
    return Object.fromEntries(this.#rest);
  }

  fail(what: string): never {
    throw new ImageError('IMAGES_DAMAGED', `${this.name} is damaged: ${what}`);
  }

  #take<T>(field: string, expected: string, isExpected: (value: unknown) => value is T): T {
    const value = this.#rest.get(field);
    if (!isExpected(value)) return this.fail(`field ${field} is not ${expected}`);
    this.#rest.delete(field);
    return value;
  }
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isWord(value: unknown): value is number | bigint {
  return isCount(value) || (typeof value === 'bigint' && value >= 0n && value < 1n << 64n);
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}

function isMap(value: unknown): value is Fields {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

function isMaps(value: unknown): value is Fields[] {
  return Array.isArray(value) && value.every(isMap);
}

function isMapsOrNull(value: unknown): value is Fields[] | null {
  return value === null || isMaps(value);
}
