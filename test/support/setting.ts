import { readFileSync, writeFileSync } from 'node:fs';

/** A value in a file of sysfs, in force until it goes out of scope. */
export class Setting implements Disposable {
  readonly #file: string;
  readonly #old: string;

  constructor(file: string, value: string) {
    this.#file = file;
    const text = readFileSync(file, 'utf8');
    // A choice shows all values, with the one in force in brackets.
    this.#old = /\[(\w+)\]/.exec(text)?.[1] ?? text;
    writeFileSync(file, value);
  }

  [Symbol.dispose](): void {
    writeFileSync(this.#file, this.#old);
  }
}
