import { getSystemErrorName } from 'node:util';

/** The name of an error number, such as `ENOMEM`. */
export function errorName(number: number): string {
  try {
    return getSystemErrorName(-number);
  } catch {
    return `errno ${number}`;
  }
}
