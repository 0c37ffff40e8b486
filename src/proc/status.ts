import { readFileSync } from 'node:fs';
import { readError } from './read-error.js';

/** Lines `Name: value` of a file in `/proc/PID`, by name. */
export class StatusFields {
  readonly #fields: Map<string, string>;

  constructor(text: string) {
    const lines = text.matchAll(/^(\w+):[ \t]*(.*?)[ \t]*$/gm);
    this.#fields = new Map([...lines].map(([, name = '', value = '']) => [name, value]));
  }

  /** '' where the kernel has no such line. */
  text(name: string): string {
    return this.#fields.get(name) ?? '';
  }

  /** The first number of a line; 0 where there is none. */
  number(name: string, radix = 10): number {
    const value = parseInt(this.text(name), radix);
    return Number.isNaN(value) ? 0 : value;
  }

  /** All numbers of a line. */
  numbers(name: string): number[] {
    return this.text(name).split(/\s+/).filter(Boolean).map(Number);
  }

  /** 64 bits in hexadecimal. */
  mask(name: string): bigint {
    return BigInt(`0x${this.text(name) || '0'}`);
  }
}

/**
 * Reads `/proc/PID/status`, or a thread's.
 * @param path `12`, or `12/task/13`
 * @throws TargetError `NO_SUCH_PROCESS`, `NOT_PERMITTED`
 */
export function readStatus(path: string, proc = '/proc'): StatusFields {
  try {
    return new StatusFields(readFileSync(`${proc}/${path}/status`, 'utf8'));
  } catch (error) {
    throw readError(error, 'read the status', parseInt(path, 10));
  }
}
