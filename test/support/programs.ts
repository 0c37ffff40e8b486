import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../src/package-root.js';
import { isDebugKernel, within } from './wait-for.js';

const sources = path.join(packageRoot(), 'test/programs');
const binaries = path.join(packageRoot(), 'build/programs');
/** Without mappings of libraries. */
const statics = new Set(['crowd']);

const slowStartMs = isDebugKernel ? 300_000 : 60_000;
const isCompiled = import.meta.url.endsWith('.js');

/** How a program ended: one of the two is null. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * Compiles `test/programs/NAME.c` unless that is done.
 * @returns the binary
 */
export function compileProgram(name: string): string {
  const source = path.join(sources, `${name}.c`);
  const binary = path.join(binaries, name);
  const newestMs = Math.max(changedMs(source), ...headers().map(changedMs));
  if (!existsSync(binary) || changedMs(binary) < newestMs) {
    mkdirSync(path.dirname(binary), { recursive: true });
    const draft = `${binary}.${process.pid}`;
    const flags = ['-O1', '-g', '-pthread', '-Wall', '-Wextra', '-Werror'];
    if (statics.has(name)) flags.push('-static');
    execFileSync('cc', [...flags, '-o', draft, source], { stdio: 'inherit' });
    renameSync(draft, binary);
  }
  return binary;
}

function headers(): string[] {
  return readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.h'))
    .map((file) => path.join(sources, file));
}

function changedMs(file: string): number {
  return statSync(file).mtimeMs;
}

/** Compiles all of `test/programs`, for a machine that has no compiler. */
export function compilePrograms(): void {
  for (const folder of ['', 'restore'])
    for (const file of readdirSync(path.join(sources, folder)))
      if (file.endsWith('.c')) compileProgram(path.join(folder, path.basename(file, '.c')));
}

/** A running test program, which is told commands and answers, line by line. */
export class Program implements Disposable {
  readonly pid: number;
  /** how it ended, once it has */
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  readonly #boundMs: number | undefined;

  private constructor(child: ChildProcess, boundMs?: number) {
    this.#boundMs = boundMs;
    if (child.pid === undefined || child.stdout === null)
      throw new Error('the program is not running');
    this.#child = child;
    this.pid = child.pid;
    this.exit = exitOf(child);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts `test/programs/NAME.c`, compiled if need be, and waits for its first line. */
  static async start(name: string, ...args: string[]): Promise<Program> {
    return Program.#run(compileProgram(name), args);
  }

  /** Starts an installed command, and waits for its first line. */
  static async startCommand(command: string, ...args: string[]): Promise<Program> {
    return Program.#run(command, args, slowStartMs);
  }

  /** Starts a TypeScript file of the tests in a node of its own, and waits for its first line. */
  static async startScript(file: string, ...args: string[]): Promise<Program> {
    return Program.#run(process.execPath, ['--import=tsx', file, ...args], slowStartMs);
  }

  /**
   * Starts the command line: that of the sources, which takes its time on a busy machine, or the
   * compiled one, by what this file is. Its first line is not waited for.
   */
  static async startTracker(...args: string[]): Promise<Program> {
    const compiled = path.join(packageRoot(), 'build/dist/src/cli/main.js');
    const main = isCompiled ? [compiled] : ['--import=tsx', 'src/cli/main.ts'];
    return Program.#spawn(process.execPath, [...main, ...args], slowStartMs);
  }

  /** Starts a command on a terminal of its own, by `restore/relay.c`. Its first line is not waited for. */
  static async startRelayed(...command: string[]): Promise<Program> {
    return Program.#spawn(compileProgram('restore/relay'), command, slowStartMs);
  }

  static async #spawn(file: string, args: string[], boundMs?: number): Promise<Program> {
    const child = spawn(file, args, { cwd: packageRoot(), stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    return new Program(child, boundMs);
  }

  static async #run(file: string, args: string[], boundMs?: number): Promise<Program> {
    const program = await Program.#spawn(file, args, boundMs);
    try {
      const line = await program.line();
      if (line !== 'ready') throw new Error(`${file} began with ${JSON.stringify(line)}`);
      return program;
    } catch (error) {
      program.kill();
      throw error;
    }
  }

  /** The next line that the program prints. */
  async line(boundMs = this.#boundMs): Promise<string> {
    const next = await within(`a line from pid ${this.pid}`, this.#lines.next(), boundMs);
    if (next.done === true) throw new Error(`pid ${this.pid} has closed its output`);
    return next.value;
  }

  /** Sends a line. */
  send(command: string): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  /** Sends a line and waits for the answer. */
  async ask(command: string, boundMs?: number): Promise<string> {
    this.send(command);
    return this.line(boundMs);
  }

  /** Closes its standard input. */
  end(): void {
    this.#child.stdin?.end();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}

/** How a child ends. */
export async function exitOf(child: ChildProcess): Promise<Exit> {
  const [code, signal] = (await once(child, 'exit')) as [Exit['code'], Exit['signal']];
  return { code, signal };
}
