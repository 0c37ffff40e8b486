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
    return this.#take(field, 'a string', (value) => typeof value === 'string');
  }

  stringOrNull(field: string): string | null {
    return this.#take(
      field,
      'a string or null',
      (value) => value === null || typeof value === 'string',
    );
  }

  boolean(field: string): boolean {
    return this.#take(field, 'true or false', (value) => typeof value === 'boolean');
  }

  /** A whole number from 0 to 2^53 - 1. */
  count(field: string): number {
    return this.#take(
      field,
      'a count',
      (value) => Number.isSafeInteger(value) && (value as number) >= 0,
    );
  }

  bytes(field: string): Uint8Array {
    return this.#take(field, 'binary', (value) => value instanceof Uint8Array);
  }

  map(field: string): Fields {
    return this.#take(field, 'a map', isMap);
  }

  mapsOrNull(field: string): Fields[] | null {
    return this.#take(
      field,
      'a list of maps or null',
      (value) => value === null || (Array.isArray(value) && value.every(isMap)),
    );
  }

  /** Fields that nothing has taken. */
  rest(): Fields {
    return Object.fromEntries(this.#rest);
  }

  fail(what: string): never {
    throw new ImageError('IMAGES_DAMAGED', `${this.name} is damaged: ${what}`);
  }

  #take<T>(field: string, expected: string, isExpected: (value: unknown) => boolean): T {
    const value = this.#rest.get(field);
    if (!isExpected(value)) this.fail(`field ${field} is not ${expected}`);
    this.#rest.delete(field);
    return value as T;
  }
}

function isMap(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
