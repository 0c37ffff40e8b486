import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, createReadStream, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { compileProgram, type Exit, exitOf } from './programs.js';
import { within } from './wait-for.js';

const boundMs = 60_000;

/**
 * A test program that is asked by FIFOs, which this process has open too: whoever is restored from it
 * gets the same ones, and is asked in the same way.
 */
export class FifoProgram implements Disposable {
  /** descriptors of this process, by their number in the program */
  readonly fds: ReadonlyMap<number, number>;
  readonly pid: number;
  readonly exit: Promise<Exit>;
  readonly #input: number;
  readonly #output: number;
  readonly #lines: AsyncIterator<string>;

  private constructor(directory: string, name: string, args: readonly string[]) {
    const names = ['in', 'out'].map((end) => path.join(directory, end));
    execFileSync('mkfifo', names);
    const [input = -1, output = -1] = names.map((fifo) => openSync(fifo, constants.O_RDWR));
    this.#input = input;
    this.#output = output;
    this.fds = new Map([
      [0, input],
      [1, output],
      [2, 2],
    ]);
    this.#lines = createInterface({ input: createReadStream(names[1] ?? '') })[
      Symbol.asyncIterator
    ]();
    const child = spawn(compileProgram(name), args, { stdio: [input, output, 'inherit'] });
    this.pid = child.pid ?? 0;
    this.exit = exitOf(child);
  }

  /** Starts it and waits for its first line. */
  static async start(directory: string, name: string, ...args: string[]): Promise<FifoProgram> {
    const program = new FifoProgram(directory, name, args);
    const line = await program.line();
    if (line !== 'ready') throw new Error(`${name} began with ${JSON.stringify(line)}`);
    return program;
  }

  async line(): Promise<string> {
    const next = await within(`a line from pid ${this.pid}`, this.#lines.next(), boundMs);
    return next.done === true ? '' : next.value;
  }

  send(command: string): void {
    writeSync(this.#input, `${command}\n`);
  }

  async ask(command: string): Promise<string> {
    this.send(command);
    return this.line();
  }

  [Symbol.dispose](): void {
    // Whoever reads wakes up, and finds no writer any more.
    writeSync(this.#output, '\n');
    closeSync(this.#output);
    closeSync(this.#input);
  }
}
